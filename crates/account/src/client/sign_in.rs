//! Making an account, signing in, and changing what one signs in with. The password never leaves this process.

use std::time::Instant;

use opaque_ke::{
    ClientLogin, ClientLoginFinishParameters, ClientRegistration, ClientRegistrationFinishParameters,
    CredentialResponse, Identifiers, RegistrationResponse,
};
use rand::rngs::OsRng;
use zeroize::Zeroizing;

use super::http::ClientError;
use super::{Client, Session};
use crate::id::{ApprovalId, DeviceId};
use crate::keys::{AccountKey, Newcomer, RecoveryCode};
use crate::suite::{CONTEXT, Stretch, Suite};
use crate::wire::{
    Approve, Ask, Asked, Asking, Bytes, Claim, Credential, CredentialChange, CredentialStart, CredentialStarted,
    Deletion, Device, Devices, Empty, Hash, Label, LoginFinish, LoginStart, LoginStarted, Method, Name, Refusal,
    Register, RegisterStart, RegisterStarted, Registered, Request, SignedIn, Status,
};

/// What a keybox is bound to.
const KEYBOX: &[u8] = b"account key";

/// A sign-in just made, and the key that came with it.
#[derive(Debug)]
pub struct SignIn {
    /// What the device keeps.
    pub session: Session,
    /// Opens everything; not kept.
    pub key: AccountKey,
}

impl Client {
    /// Makes an account, and proves that the recovery code opens it: signs in with the code, compares the key, and
    /// signs that device out. Then signs in with the password.
    ///
    /// # Errors
    ///
    /// [`Refusal::Conflict`] when the name is taken; [`ClientError`].
    pub fn create(&mut self, name: &Name, password: &str) -> Result<(SignIn, RecoveryCode), ClientError> {
        let (key, code) = (AccountKey::generate()?, RecoveryCode::generate()?);
        let (password_start, recovery_start) = (Begun::new(self, password)?, Begun::new(self, code.reveal())?);
        let start = RegisterStart {
            name: name.clone(),
            password: password_start.request.clone(),
            recovery: recovery_start.request.clone(),
        };
        let started: RegisterStarted = self.post("/v1/register", &start)?;
        let register = Register {
            name: name.clone(),
            password: password_start.finish(self, password, &started.password, &key)?,
            recovery: recovery_start.finish(self, code.reveal(), &started.recovery, &key)?,
        };
        let made: Registered = self.post("/v1/accounts", &register)?;
        let recovered = self.sign_in(name, Method::Recovery, code.reveal())?;
        if recovered.session.account != made.account || !recovered.key.is(&key) {
            return Err(self.lie("the recovery code opens something else than what was sealed"));
        }
        self.show(&recovered.session.token);
        self.sign_out()?;
        let signed_in = self.sign_in(name, Method::Password, password)?;
        if signed_in.session.account != made.account || !signed_in.key.is(&key) {
            return Err(self.lie("the password opens something else than what was sealed"));
        }
        Ok((signed_in, code))
    }

    /// Signs in, with the password or the recovery code, and shows the new token from now on.
    ///
    /// # Errors
    ///
    /// [`Refusal::WrongCredentials`] when there is no such account or the secret is wrong;
    /// [`ClientError::Stretch`] when the server asks for a weaker protection of the password than is safe;
    /// [`ClientError::Lie`] when it does not prove to be the server that the account was made with.
    pub fn sign_in(&mut self, name: &Name, method: Method, secret: &str) -> Result<SignIn, ClientError> {
        let mut lost: Option<Instant> = None;
        let (signed_in, export): (SignedIn, _) = loop {
            let (finish, export) = self.prove(name, method, secret)?;
            // This message is good once: when its answer is lost, all of it begins anew.
            match self.post_once("/v1/login/finish", &finish) {
                Err(ClientError::Unreachable { .. })
                    if lost.get_or_insert_with(Instant::now).elapsed() < self.patience => {}
                answer => break (answer?, export),
            }
        };
        let key = AccountKey::open_under(&export, KEYBOX, &signed_in.keybox);
        let key = self.opened(key, "the account's key is not the one that was sealed")?;
        self.show(&signed_in.token);
        Ok(SignIn { session: signed_in.into(), key })
    }

    /// The last message of a sign-in, and the export key that comes of it.
    fn prove(
        &self,
        name: &Name,
        method: Method,
        secret: &str,
    ) -> Result<(LoginFinish, Zeroizing<Vec<u8>>), ClientError> {
        let begun = ClientLogin::<Suite>::start(&mut OsRng, secret.as_bytes());
        let begun = begun.map_err(|_| self.lie("the secret cannot be blinded"))?;
        let request = Bytes(begun.message.serialize().to_vec());
        let started: LoginStarted =
            self.post("/v1/login/start", &LoginStart { name: name.clone(), method, request })?;
        let response = CredentialResponse::deserialize(&started.response.0);
        let response = response.map_err(|_| self.lie("its part of the sign-in is none"))?;
        let stretch = started.stretch.function()?;
        let parameters = ClientLoginFinishParameters::new(Some(CONTEXT), Identifiers::default(), Some(&stretch));
        // A wrong secret and a server that does not know the account look alike here; so they must.
        let finished = begun.state.finish(&mut OsRng, secret.as_bytes(), response, parameters);
        let finished = finished.map_err(|_| self.refused(Refusal::WrongCredentials))?;
        let finalization = Bytes(finished.message.serialize().to_vec());
        let export = Zeroizing::new(finished.export_key.to_vec());
        Ok((LoginFinish { state: started.state, finalization }, export))
    }

    /// Changes the password, or makes a new recovery code count. All other devices are signed out. Needs a sign-in just
    /// made; what was signed in with does not matter.
    ///
    /// # Errors
    ///
    /// [`Refusal::SignInAgain`]; [`ClientError`].
    pub fn change(&self, method: Method, secret: &str, key: &AccountKey) -> Result<(), ClientError> {
        let begun = Begun::new(self, secret)?;
        let start = CredentialStart { method, request: begun.request.clone() };
        let started: CredentialStarted = self.post("/v1/credentials/start", &start)?;
        let credential = begun.finish(self, secret, &started.response, key)?;
        self.post("/v1/credentials", &CredentialChange { method, credential }).map(|Empty {}| ())
    }

    /// Asks to be let in by a device that is signed in.
    ///
    /// # Errors
    ///
    /// [`ClientError`].
    pub fn ask_to_be_let_in(&self, name: &Name, newcomer: &Newcomer) -> Result<Asked, ClientError> {
        let ask = Ask { name: name.clone(), public: newcomer.public(), claim: Hash::of(newcomer.claim()) };
        self.post("/v1/approvals", &ask)
    }

    /// Fetches the answer, if there is one, and shows the new token from now on.
    ///
    /// # Errors
    ///
    /// [`ClientError::Lie`] when what comes does not open; [`ClientError`].
    pub fn let_in(&mut self, asked: &Asked, newcomer: &Newcomer) -> Result<Option<SignIn>, ClientError> {
        let claim = Claim { account: asked.account, secret: Bytes(newcomer.claim().to_vec()) };
        let path = format!("/v1/approvals/{}/claim", asked.approval);
        let signed_in: SignedIn = match self.post(&path, &claim) {
            Err(error) if error.refusal() == Some(Refusal::NotFound) => return Ok(None),
            answer => answer?,
        };
        let key = newcomer.open(&asked.account, &signed_in.keybox);
        let key = self.opened(key, "the account's key was not sealed to this device")?;
        self.show(&signed_in.token);
        Ok(Some(SignIn { session: signed_in.into(), key }))
    }

    /// The devices that wait to be let in.
    ///
    /// # Errors
    ///
    /// [`ClientError`].
    pub fn requests(&self) -> Result<Vec<Request>, ClientError> {
        self.get("/v1/approvals").map(|asking: Asking| asking.requests)
    }

    /// Lets a device in: `keybox` is the account's key, sealed to it.
    ///
    /// # Errors
    ///
    /// [`Refusal::NotFound`] when it does not wait any more; [`ClientError`].
    pub fn approve(&self, approval: ApprovalId, keybox: Bytes) -> Result<(), ClientError> {
        self.post(&format!("/v1/approvals/{approval}"), &Approve { keybox }).map(|Empty {}| ())
    }

    /// The account as it stands.
    ///
    /// # Errors
    ///
    /// [`ClientError`].
    pub fn status(&self) -> Result<Status, ClientError> {
        self.get("/v1/account")
    }

    /// The devices that are signed in.
    ///
    /// # Errors
    ///
    /// [`ClientError`].
    pub fn devices(&self) -> Result<Vec<Device>, ClientError> {
        self.get("/v1/devices").map(|devices: Devices| devices.devices)
    }

    /// Names a device.
    ///
    /// # Errors
    ///
    /// [`ClientError`].
    pub fn label(&self, device: DeviceId, label: Bytes) -> Result<(), ClientError> {
        self.put(&format!("/v1/devices/{device}/label"), &Label { label }).map(|Empty {}| ())
    }

    /// Signs a device out.
    ///
    /// # Errors
    ///
    /// [`Refusal::SignInAgain`]; [`ClientError`].
    pub fn revoke(&self, device: DeviceId) -> Result<(), ClientError> {
        self.delete(&format!("/v1/devices/{device}")).map(|Empty {}| ())
    }

    /// Signs this device out. That it is signed out already is as good.
    ///
    /// # Errors
    ///
    /// [`ClientError`].
    pub fn sign_out(&mut self) -> Result<(), ClientError> {
        match self.delete("/v1/session") {
            Err(error) if error.refusal() != Some(Refusal::NotSignedIn) => return Err(error),
            Ok(Empty {}) | Err(_) => self.token = None,
        }
        Ok(())
    }

    /// Has the account deleted, in seven days. Gives the time.
    ///
    /// # Errors
    ///
    /// [`Refusal::SignInAgain`]; [`ClientError`].
    pub fn delete_account(&self) -> Result<i64, ClientError> {
        self.delete("/v1/account").map(|deletion: Deletion| deletion.delete_after)
    }

    /// Keeps an account that was to be deleted.
    ///
    /// # Errors
    ///
    /// [`ClientError`].
    pub fn keep_account(&self) -> Result<(), ClientError> {
        self.post("/v1/account/keep", &Empty {}).map(|Empty {}| ())
    }

    pub(super) fn refused(&self, refusal: Refusal) -> ClientError {
        ClientError::Refused { server: self.server(), refusal, head: None }
    }
}

impl From<SignedIn> for Session {
    fn from(signed_in: SignedIn) -> Self {
        let SignedIn { account, device, token, generation, keybox: _ } = signed_in;
        Self { account, device, token, generation }
    }
}

/// A new credential whose first message is made.
struct Begun {
    state: ClientRegistration<Suite>,
    request: Bytes,
}

impl Begun {
    fn new(client: &Client, secret: &str) -> Result<Self, ClientError> {
        let begun = ClientRegistration::<Suite>::start(&mut OsRng, secret.as_bytes());
        let begun = begun.map_err(|_| client.lie("the secret cannot be blinded"))?;
        Ok(Self { state: begun.state, request: Bytes(begun.message.serialize().to_vec()) })
    }

    fn finish(
        self,
        client: &Client,
        secret: &str,
        response: &Bytes,
        key: &AccountKey,
    ) -> Result<Credential, ClientError> {
        let lie = |_| client.lie("its part in making a credential is none");
        let response = RegistrationResponse::deserialize(&response.0).map_err(lie)?;
        let stretch = Stretch::default();
        let function = stretch.function()?;
        let parameters = ClientRegistrationFinishParameters::new(Identifiers::default(), Some(&function));
        let finished = self.state.finish(&mut OsRng, secret.as_bytes(), response, parameters).map_err(lie)?;
        let export = Zeroizing::new(finished.export_key.to_vec());
        let keybox = key.seal_under(&export, KEYBOX)?;
        Ok(Credential { record: Bytes(finished.message.serialize().to_vec()), keybox, stretch })
    }
}
