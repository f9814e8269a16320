//! The description of the API that is checked in is the one that the routes make.

#[test]
fn the_description_that_is_checked_in_is_the_one_that_the_routes_make() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("openapi.json");
    let made = keystow_account::server::document().to_pretty_json().unwrap() + "\n";
    if std::env::var_os("KEYSTOW_UPDATE").is_some() {
        std::fs::write(&path, &made).unwrap();
    }
    let kept = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(kept == made, "run this test with KEYSTOW_UPDATE=1 and look at what changed in openapi.json");
}
