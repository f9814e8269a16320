//! Puts icon, manifest and version into keystow.exe. Other systems get nothing, and wait for nothing.

use std::io;

use winresource::WindowsResource;

fn main() -> io::Result<()> {
    for input in ["build.rs", "windows/keystow.ico", "windows/keystow.manifest"] {
        println!("cargo::rerun-if-changed={input}");
    }
    // The script runs where Keystow is built; this says where it is going to run.
    if std::env::var_os("CARGO_CFG_WINDOWS").is_none() {
        return Ok(());
    }
    // FileVersion and ProductVersion come from Cargo.toml by themselves.
    WindowsResource::new()
        .set_icon("windows/keystow.ico")
        .set_manifest_file("windows/keystow.manifest")
        // English (United States): without a language, not every program shows the texts.
        .set_language(0x0409)
        .set("CompanyName", "The Keystow authors")
        .set("FileDescription", "Keystow - finds, keeps and restores Windows product keys")
        .set("InternalName", "keystow")
        .set("LegalCopyright", "The Keystow authors. MIT or Apache-2.0.")
        .set("OriginalFilename", "keystow.exe")
        .set("ProductName", "Keystow")
        .compile_for("keystow")
}
