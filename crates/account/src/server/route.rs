//! One route: how it is asked, who may, what it takes and gives. The same declaration answers requests, is refused to
//! whom it must be, and describes itself for OpenAPI; a route without an [`Access`] type does not compile.

use std::sync::Arc;
use std::time::Duration;

use axum::Json;
use axum::Router;
use axum::body::Body;
use axum::extract::{FromRequestParts, State};
use axum::extract::{Path, Query, RawPathParams, Request};
use axum::http::request::Parts;
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{MethodFilter, on};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::Serialize;
use serde::de::DeserializeOwned;
use utoipa::openapi::path::{OperationBuilder, ParameterBuilder, ParameterIn};
use utoipa::openapi::request_body::RequestBodyBuilder;
use utoipa::openapi::schema::{Schema, SchemaType};
use utoipa::openapi::security::SecurityRequirement;
use utoipa::openapi::{ContentBuilder, HttpMethod, RefOr, Required, ResponseBuilder};
use utoipa::{PartialSchema, ToSchema};

use super::Server;
use super::access::Access;
use super::failure::{Answer, Failure};
use crate::wire::{Refusal, Refused};

/// A request, read and allowed.
pub(crate) struct Call<A, P, I> {
    pub(crate) server: Arc<Server>,
    pub(crate) who: A,
    /// What stands in the path.
    pub(crate) path: P,
    /// What was sent.
    pub(crate) input: I,
}

/// What a route takes besides its path.
pub(crate) trait Input: Send + Sized + 'static {
    fn read(parts: &mut Parts, body: Body) -> impl Future<Output = Answer<Self>> + Send;
    fn describe(about: &mut About);
}

/// A body of JSON.
pub(crate) struct Sent<T>(pub(crate) T);

/// What stands behind the question mark.
pub(crate) struct Asked<T>(pub(crate) T);

/// Nothing.
pub(crate) struct Nothing;

/// All routes, and their description.
pub(crate) struct Routes {
    pub(crate) router: Router<Arc<Server>>,
    pub(crate) about: Vec<About>,
}

/// The description of a route.
pub(crate) struct About {
    pub(crate) method: Method,
    pub(crate) path: &'static str,
    pub(crate) access: &'static str,
    pub(crate) operation: OperationBuilder,
    pub(crate) schemas: Vec<(String, RefOr<Schema>)>,
}

/// How much of a request is read, and for how long, although it is refused already: an answer that is sent while the other
/// side still writes is lost with the connection. Bytes; most records are shorter.
const READ_ANYHOW: usize = 64 << 10;
const ANYHOW: Duration = Duration::from_secs(5);
/// How long a client may take to send it.
const PATIENCE: Duration = Duration::from_secs(120);
/// The longest body that any route takes: a record in base64.
const MOST_SENT: usize = 16 << 20;

impl Routes {
    pub(crate) fn new() -> Self {
        Self { router: Router::new(), about: Vec::new() }
    }

    /// Adds a route that answers 200 with what `handler` gives.
    pub(crate) fn add<A, P, I, O, F, Work>(
        &mut self,
        method: Method,
        path: &'static str,
        summary: &'static str,
        handler: F,
    ) where
        A: Access,
        P: DeserializeOwned + ToSchema + Send + 'static,
        I: Input,
        O: Serialize + ToSchema + 'static,
        F: Fn(Call<A, P, I>) -> Work + Clone + Send + Sync + 'static,
        Work: Future<Output = Answer<O>> + Send,
    {
        let answer = move |State(server): State<Arc<Server>>, request: Request| {
            let handler = handler.clone();
            async move {
                match call(server, request).await {
                    Ok(call) => answered(handler(call).await),
                    Err(failure) => failure.into_response(),
                }
            }
        };
        let filter = MethodFilter::try_from(method.clone()).unwrap_or(MethodFilter::GET);
        let router = std::mem::take(&mut self.router);
        self.router = router.route(path, on(filter, answer));
        let mut about = About::new(method, path, A::NAME, summary);
        about.path_parameters::<P>();
        I::describe(&mut about);
        about.answers::<O>();
        self.about.push(about);
    }
}

/// Reads a request. Who may not is told so before what was sent is looked at.
async fn call<A: Access, P: DeserializeOwned + Send, I: Input>(
    server: Arc<Server>,
    request: Request,
) -> Answer<Call<A, P, I>> {
    let (mut parts, body) = request.into_parts();
    let who = match A::check(&server, &parts).await {
        Ok(who) => who,
        Err(failure) => {
            let _ = tokio::time::timeout(ANYHOW, axum::body::to_bytes(body, READ_ANYHOW)).await;
            return Err(failure);
        }
    };
    let bad = |_| Failure::from(Refusal::BadRequest);
    // Only names of ours stand in paths; what does not parse names nothing.
    let has_parameters =
        RawPathParams::from_request_parts(&mut parts, &()).await.is_ok_and(|p| p.iter().next().is_some());
    let path = if has_parameters {
        Path::<P>::from_request_parts(&mut parts, &()).await.map_err(|_| Refusal::NotFound)?.0
    } else {
        serde_json::from_str("{}").map_err(bad)?
    };
    let input = tokio::time::timeout(PATIENCE, I::read(&mut parts, body)).await.map_err(|_| Refusal::BadRequest)??;
    Ok(Call { server, who, path, input })
}

fn answered<O: Serialize>(answer: Answer<O>) -> Response {
    match answer {
        Ok(done) => (StatusCode::OK, Json(done)).into_response(),
        Err(failure) => failure.into_response(),
    }
}

impl<T: DeserializeOwned + ToSchema + Send + 'static> Input for Sent<T> {
    async fn read(_: &mut Parts, body: Body) -> Answer<Self> {
        let bytes = Limited::new(body, MOST_SENT)
            .collect()
            .await
            .map_err(|error| if error.is::<LengthLimitError>() { Refusal::TooLarge } else { Refusal::BadRequest })?;
        let bytes = bytes.to_bytes();
        serde_json::from_slice(&bytes).map(Self).map_err(|_| Refusal::BadRequest.into())
    }

    fn describe(about: &mut About) {
        let schema = about.schema::<T>();
        let content = ContentBuilder::new().schema(Some(schema)).build();
        let body = RequestBodyBuilder::new().content("application/json", content).required(Some(Required::True));
        about.change(|operation| operation.request_body(Some(body.build())));
    }
}

impl<T: DeserializeOwned + ToSchema + Send + 'static> Input for Asked<T> {
    async fn read(parts: &mut Parts, _: Body) -> Answer<Self> {
        let query = Query::<T>::try_from_uri(&parts.uri).map_err(|_| Refusal::BadRequest)?;
        Ok(Self(query.0))
    }

    fn describe(about: &mut About) {
        about.parameters::<T>(ParameterIn::Query);
    }
}

impl Input for Nothing {
    async fn read(_: &mut Parts, _: Body) -> Answer<Self> {
        Ok(Self)
    }

    fn describe(_: &mut About) {}
}

impl About {
    fn new(method: Method, path: &'static str, access: &'static str, summary: &'static str) -> Self {
        let id = format!("{}{}", method.as_str().to_lowercase(), path.replace(['/', '{', '}'], "_").replace("__", "_"));
        let operation = OperationBuilder::new()
            .operation_id(Some(id.trim_end_matches('_').to_owned()))
            .summary(Some(summary))
            .description(Some(format!("Allowed to: {access}.")));
        let operation = match access {
            "anyone" => operation.securities(Some([SecurityRequirement::default()])),
            _ => operation.security(SecurityRequirement::new::<_, [&str; 0], &str>("token", [])),
        };
        Self { method, path, access, operation, schemas: Vec::new() }
    }

    /// The method as OpenAPI has it.
    pub(crate) fn http_method(&self) -> HttpMethod {
        match self.method {
            Method::POST => HttpMethod::Post,
            Method::PUT => HttpMethod::Put,
            Method::DELETE => HttpMethod::Delete,
            _ => HttpMethod::Get,
        }
    }

    fn change(&mut self, with: impl FnOnce(OperationBuilder) -> OperationBuilder) {
        self.operation = with(std::mem::take(&mut self.operation));
    }

    fn schema<T: ToSchema>(&mut self) -> RefOr<Schema> {
        self.schemas.push((T::name().into_owned(), T::schema()));
        T::schemas(&mut self.schemas);
        RefOr::Ref(utoipa::openapi::Ref::from_schema_name(T::name()))
    }

    fn path_parameters<T: ToSchema>(&mut self) {
        self.parameters::<T>(ParameterIn::Path);
    }

    /// The members of a type as parameters.
    fn parameters<T: ToSchema>(&mut self, place: ParameterIn) {
        let mut inner = Vec::new();
        T::schemas(&mut inner);
        let RefOr::T(Schema::Object(object)) = <T as PartialSchema>::schema() else { return };
        for (name, schema) in object.properties {
            let required = matches!(place, ParameterIn::Path);
            let schema = plain(resolve(schema, &inner));
            let parameter = ParameterBuilder::new().name(name).parameter_in(place.clone()).schema(Some(schema));
            let parameter = parameter.required(if required { Required::True } else { Required::False });
            self.change(|operation| operation.parameter(parameter.build()));
        }
    }

    fn answers<O: ToSchema>(&mut self) {
        let (good, refused) = (self.schema::<O>(), self.schema::<Refused>());
        let response = |words: &str, schema| {
            let content = ContentBuilder::new().schema(Some(schema)).build();
            ResponseBuilder::new().description(words).content("application/json", content).build()
        };
        let good = response("Done.", good);
        let not = response("Not done; the name of the refusal says why.", refused);
        self.change(|operation| operation.response("200", good).response("4XX", not.clone()).response("5XX", not));
    }
}

/// The schema itself in place of its name.
fn resolve(schema: RefOr<Schema>, known: &[(String, RefOr<Schema>)]) -> RefOr<Schema> {
    let RefOr::Ref(reference) = &schema else { return schema };
    let name = reference.ref_location.rsplit('/').next().unwrap_or_default();
    known.iter().find(|(found, _)| found == name).map(|(_, schema)| schema.clone()).unwrap_or(schema)
}

/// A parameter is there or not, and never null.
fn plain(schema: RefOr<Schema>) -> RefOr<Schema> {
    match schema {
        RefOr::T(Schema::Object(mut object)) => {
            if let SchemaType::Array(types) = &object.schema_type {
                let first = types.iter().find(|kind| **kind != utoipa::openapi::schema::Type::Null).cloned();
                object.schema_type = first.map_or(SchemaType::AnyValue, SchemaType::Type);
            }
            RefOr::T(Schema::Object(object))
        }
        RefOr::T(Schema::OneOf(one)) => {
            let is_null = |item: &RefOr<Schema>| matches!(item, RefOr::T(Schema::Object(o)) if o.schema_type == SchemaType::Type(utoipa::openapi::schema::Type::Null));
            one.items.iter().find(|item| !is_null(item)).cloned().unwrap_or(RefOr::T(Schema::OneOf(one)))
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::server::access::{Anyone, Fresh, Session};

    /// Compiles only when `$type` is no [`Access`]: if it were, two traits would offer `probe`, and the compiler could
    /// not choose. [`Routes::add`] takes a handler of `Call<A, …>` where `A: Access`, so a route of such a type does
    /// not compile.
    macro_rules! gives_no_access {
        ($($type:ty),*) => {$({
            trait Probe<Way> {
                fn probe() {}
            }
            impl<T> Probe<()> for T {}
            struct Allowed;
            impl<T: Access> Probe<Allowed> for T {}
            <$type as Probe<_>>::probe();
        })*};
    }

    #[test]
    fn a_route_without_an_access_type_does_not_compile() {
        gives_no_access!((), Nothing, Option<Session>, Arc<Server>, crate::id::AccountId, crate::wire::Token);
        // And these do; were `Access` for all, the lines above would not compile.
        fn gives_access<A: Access>() -> &'static str {
            A::NAME
        }
        let names = [gives_access::<Anyone>(), gives_access::<Session>(), gives_access::<Fresh>()];
        assert_eq!(names, ["anyone", "session", "fresh session"]);
    }
}
