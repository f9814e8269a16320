//! Makes the test data of this project from published product keys, without one line of the code it tests.

pub mod acpi;
pub mod digital_product_id;
pub mod hive;
pub mod key;
pub mod old_laptop;
pub mod pkeyconfig;
pub mod reg_text;
pub mod smbios;
pub mod windows;

/// Every file of `testdata/`, by its path there.
pub fn testdata() -> Vec<(String, Vec<u8>)> {
    old_laptop::files()
}
