//! The server asked without its client: any route, any words, and accounts whose passwords cost nothing to stretch.

use argon2::{Algorithm, Argon2, Params, Version};
use axum::body::Body;
use axum::http::{HeaderMap, Request, header};
use keystow_account::suite::{CONTEXT, Stretch, Suite};
use keystow_account::wire::{
    Bytes, Credential, LoginFinish, LoginStart, LoginStarted, Method, Name, Register, RegisterStart, RegisterStarted,
    SignedIn,
};
use opaque_ke::{
    ClientLogin, ClientLoginFinishParameters, ClientRegistration, ClientRegistrationFinishParameters,
    CredentialResponse, Identifiers, RegistrationResponse,
};
use rand::rngs::OsRng;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tower::ServiceExt;

use crate::server::Here;

/// What the server said.
#[derive(Clone, Debug)]
pub(crate) struct Said {
    pub(crate) status: u16,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Said {
    /// The answer of a request that was done.
    pub(crate) fn done<T: DeserializeOwned>(&self) -> T {
        assert_eq!(self.status, 200, "{}", self.text());
        serde_json::from_slice(&self.body).unwrap()
    }

    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }
}

impl Here {
    /// Asks, and waits for the whole answer.
    pub(crate) fn ask(&self, method: &str, path: &str, token: Option<&str>, body: impl Into<Body>) -> Said {
        let mut request = Request::builder().method(method).uri(path).header(header::CONTENT_TYPE, "application/json");
        if let Some(token) = token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let (request, router) = (request.body(body.into()).unwrap(), self.router.clone());
        self.run(async move {
            let response = router.oneshot(request).await.unwrap();
            let (status, headers) = (response.status().as_u16(), response.headers().clone());
            let body = axum::body::to_bytes(response.into_body(), usize::MAX).await.unwrap().to_vec();
            Said { status, headers, body }
        })
    }

    pub(crate) fn post(&self, path: &str, token: Option<&str>, input: &impl Serialize) -> Said {
        self.ask("POST", path, token, serde_json::to_vec(input).unwrap())
    }

    /// Makes an account, the same password for both methods.
    pub(crate) fn register(&self, name: &Name, password: &str) {
        let [first, second] =
            [(); 2].map(|()| ClientRegistration::<Suite>::start(&mut OsRng, password.as_bytes()).unwrap());
        let blinded =
            |start: &opaque_ke::ClientRegistrationStartResult<Suite>| Bytes(start.message.serialize().to_vec());
        let start = RegisterStart { name: name.clone(), password: blinded(&first), recovery: blinded(&second) };
        let started: RegisterStarted = self.post("/v1/register", None, &start).done();
        let credential = |state: ClientRegistration<Suite>, response: &Bytes| credential(state, password, response);
        let register = Register {
            name: name.clone(),
            password: credential(first.state, &started.password),
            recovery: credential(second.state, &started.recovery),
        };
        assert_eq!(self.post("/v1/accounts", None, &register).status, 200);
    }

    /// Signs in to such an account.
    pub(crate) fn login(&self, name: &Name, password: &str) -> SignedIn {
        self.post("/v1/login/finish", None, &self.proof(name, password)).done()
    }

    /// The third message of a sign-in.
    pub(crate) fn proof(&self, name: &Name, password: &str) -> LoginFinish {
        let begun = ClientLogin::<Suite>::start(&mut OsRng, password.as_bytes()).unwrap();
        let request = Bytes(begun.message.serialize().to_vec());
        let start = LoginStart { name: name.clone(), method: Method::Password, request };
        let started: LoginStarted = self.post("/v1/login/start", None, &start).done();
        let response = CredentialResponse::deserialize(&started.response.0).unwrap();
        let quick = quick();
        let parameters = ClientLoginFinishParameters::new(Some(CONTEXT), Identifiers::default(), Some(&quick));
        let finished = begun.state.finish(&mut OsRng, password.as_bytes(), response, parameters).unwrap();
        LoginFinish { state: started.state, finalization: Bytes(finished.message.serialize().to_vec()) }
    }
}

/// What the server keeps of a password, as if it had been stretched.
pub(crate) fn credential(state: ClientRegistration<Suite>, password: &str, response: &Bytes) -> Credential {
    let response = RegistrationResponse::deserialize(&response.0).unwrap();
    let quick = quick();
    let parameters = ClientRegistrationFinishParameters::new(Identifiers::default(), Some(&quick));
    let finished = state.finish(&mut OsRng, password.as_bytes(), response, parameters).unwrap();
    let record = Bytes(finished.message.serialize().to_vec());
    Credential { record, keybox: Bytes(b"keybox".to_vec()), stretch: Stretch::LEAST }
}

fn quick() -> Argon2<'static> {
    Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(8, 1, 1, None).unwrap())
}
