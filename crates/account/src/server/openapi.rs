//! The description of the API, made from the routes themselves.

use utoipa::openapi::path::{Paths, PathsBuilder};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{ComponentsBuilder, InfoBuilder, OpenApi, OpenApiBuilder, PathItem};

use super::all_routes;

/// The whole description. The one that is checked in is `crates/account/openapi.json`.
#[must_use]
pub fn document() -> OpenApi {
    let token = SecurityScheme::Http(HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build());
    let mut components = ComponentsBuilder::new().security_scheme("token", token);
    let mut paths: Paths = PathsBuilder::new().build();
    for about in all_routes().about {
        let (path, method) = (about.path, about.http_method());
        components = components.schemas_from_iter(about.schemas);
        let item = PathItem::new(method, about.operation);
        match paths.paths.get_mut(path) {
            Some(known) => known.merge_operations(item),
            None => _ = paths.paths.insert(path.to_owned(), item),
        }
    }
    let info = InfoBuilder::new().title("Keystow account server").version("1");
    let info = info.description(Some("Sealed records of people's vaults. The server can read none of them."));
    OpenApiBuilder::new().info(info).paths(paths).components(Some(components.build())).build()
}

/// Every route: its method, its path, and who may use it.
#[must_use]
pub fn routes() -> Vec<(String, &'static str, &'static str)> {
    let all = all_routes().about;
    all.iter().map(|about| (about.method.to_string(), about.path, about.access)).collect()
}
