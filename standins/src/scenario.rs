//! The scenario: what is played, and how the license service changes by what it is told.

use std::fs::OpenOptions;
use std::io::Write as _;
use std::sync::Mutex;
use std::time::Duration;

use serde_json::{Map, Value, json};
use windows::core::HRESULT;

/// A product or the service, by the names of WMI.
pub(crate) type Row = Map<String, Value>;

/// The application whose products are Windows itself.
const WINDOWS: &str = "55c92734-d682-4d71-983e-d6ec3f16059f";
/// "The requested action requires elevated privileges", as the service says it to people without them.
const NEEDS_ADMINISTRATOR: HRESULT = HRESULT(0xC004_F025_u32.cast_signed());
/// What it says about a product it does not know.
const UNKNOWN_PRODUCT: HRESULT = HRESULT(0xC004_F012_u32.cast_signed());
/// Longer than any patience.
const HANG: Duration = Duration::from_secs(600);
/// Set for a program that the stand-in of UAC started.
pub(crate) const ELEVATED: &str = "KEYSTOW_STANDINS_ELEVATED";

static CHANGING: Mutex<()> = Mutex::new(());

/// One reading of the scenario; empty when there is none.
pub(crate) struct Scenario(Value);

impl Scenario {
    pub(crate) fn read() -> Self {
        let path = std::env::var_os("KEYSTOW_STANDINS").unwrap_or_default();
        Self(std::fs::read(path).ok().and_then(|text| serde_json::from_slice(&text).ok()).unwrap_or_default())
    }

    pub(crate) fn get(&self, name: &str) -> Option<&Value> {
        self.0.get(name)
    }

    /// A member that is a word; empty when it is absent.
    pub(crate) fn word(&self, name: &str) -> &str {
        self.get(name).and_then(Value::as_str).unwrap_or_default()
    }

    /// What this process may do: `administrator` unless the scenario says less.
    pub(crate) fn rights(&self) -> &str {
        match self.word("rights") {
            less if !less.is_empty() && std::env::var_os(ELEVATED).is_none() => less,
            _ => "administrator",
        }
    }

    /// The rows of the products.
    pub(crate) fn products(&self) -> Vec<Row> {
        let rows = self.get("products").and_then(Value::as_array);
        rows.into_iter().flatten().filter_map(Value::as_object).cloned().collect()
    }

    /// The row of the service, which has a version at least.
    pub(crate) fn service(&self) -> Row {
        let mut row = self.get("service").and_then(Value::as_object).cloned().unwrap_or_default();
        row.entry("Version").or_insert_with(|| json!("10.0.19041.1"));
        row
    }

    fn write(&self) {
        // Nobody is there who could be told; the next reading shows the old state, and the test fails.
        let _ = std::fs::write(std::env::var_os("KEYSTOW_STANDINS").unwrap_or_default(), self.0.to_string());
    }

    /// How this call goes; of a list the first, which is taken away while others follow.
    fn next_step(&mut self, call: &str) -> Value {
        match self.0.get_mut(call) {
            Some(Value::Array(steps)) if steps.len() > 1 => steps.remove(0),
            Some(Value::Array(steps)) => steps.first().cloned().unwrap_or_default(),
            Some(step) => step.clone(),
            None => Value::Null,
        }
    }

    fn rows_mut(&mut self) -> impl Iterator<Item = &mut Row> {
        let rows = self.0.get_mut("products").and_then(Value::as_array_mut);
        rows.into_iter().flatten().filter_map(Value::as_object_mut)
    }

    fn product_mut(&mut self, id: &str) -> Result<&mut Row, HRESULT> {
        self.rows_mut().find(|row| is(row, "ID", id)).ok_or(UNKNOWN_PRODUCT)
    }

    /// Gives the product key to the row of the step, or to the Windows there is; no other row of that application
    /// keeps one.
    fn install(&mut self, key: &str, step: &Value) -> Result<(), HRESULT> {
        let installs = step.get("installs").and_then(Value::as_object);
        let first = self.products().into_iter().find(|row| is(row, "ApplicationID", WINDOWS));
        let mut new = installs.cloned().or(first).ok_or(UNKNOWN_PRODUCT)?;
        let tail = key.char_indices().rev().nth(4).map_or(key, |(at, _)| key.get(at..).unwrap_or_default());
        new.insert("PartialProductKey".into(), tail.into());
        let (id, application) = (text(&new, "ID").to_owned(), text(&new, "ApplicationID").to_owned());
        for row in self.rows_mut().filter(|row| is(row, "ApplicationID", &application)) {
            row.insert("PartialProductKey".into(), Value::Null);
        }
        if let Ok(row) = self.product_mut(&id) {
            row.extend(new);
        } else if let Some(scenario) = self.0.as_object_mut()
            && let Some(rows) = scenario.entry("products").or_insert_with(|| json!([])).as_array_mut()
        {
            rows.push(new.into());
        }
        Ok(())
    }

    fn change(&mut self, call: &str, args: &[&str], step: &Value) -> Result<(), HRESULT> {
        let first = args.first().copied().unwrap_or_default();
        match call {
            "Activate" | "DepositOfflineConfirmationId" => {
                let row = self.product_mut(first)?;
                row.insert("LicenseStatus".into(), step.get("status").cloned().unwrap_or(json!(1)));
                row.insert("LicenseStatusReason".into(), json!(0));
                row.insert("GracePeriodRemaining".into(), json!(0));
            }
            "InstallProductKey" => self.install(first, step)?,
            "UninstallProductKey" => {
                let row = self.product_mut(first)?;
                row.insert("PartialProductKey".into(), Value::Null);
                row.insert("LicenseStatus".into(), json!(0));
            }
            _ => {}
        }
        Ok(())
    }
}

/// Tells the license service to do something, in one of the two ways. The first argument of what is done to a product
/// is its activation ID.
pub(crate) fn play(way: &str, call: &str, args: &[&str]) -> Result<(), HRESULT> {
    log(way, call, args);
    let changing = CHANGING.lock();
    let mut scenario = Scenario::read();
    if scenario.rights() != "administrator" {
        return Err(NEEDS_ADMINISTRATOR);
    }
    let step = scenario.next_step(call);
    scenario.write();
    if step.get("hang").is_some_and(|hang| *hang == true) {
        drop(changing);
        std::thread::sleep(HANG);
        return Ok(());
    }
    if let Some(hresult) = step.get("hresult").and_then(Value::as_str).and_then(hresult) {
        return Err(hresult);
    }
    scenario.change(call, args, &step)?;
    scenario.write();
    Ok(())
}

/// Sleeps as long as a service that does not answer.
pub(crate) fn hang() {
    std::thread::sleep(HANG);
}

/// Adds a line to the log of calls, when there is one.
pub(crate) fn log(way: &str, call: &str, args: &[&str]) {
    let Some(path) = std::env::var_os("KEYSTOW_STANDINS_LOG") else { return };
    let line = json!({"call": call, "way": way, "args": args});
    if let Ok(mut file) = OpenOptions::new().create(true).append(true).open(path) {
        // One write, so that two processes do not mix their lines. A lost line makes the test fail, as it should.
        let _ = file.write_all(format!("{line}\n").as_bytes());
    }
}

/// A value of a row that is a text; empty when it is not.
pub(crate) fn text<'a>(row: &'a Row, name: &str) -> &'a str {
    row.get(name).and_then(Value::as_str).unwrap_or_default()
}

/// Whether a value of a row is this text, in whatever case.
pub(crate) fn is(row: &Row, name: &str, wanted: &str) -> bool {
    text(row, name).eq_ignore_ascii_case(wanted)
}

/// `0xC004F050` as a number.
fn hresult(text: &str) -> Option<HRESULT> {
    let digits = text.strip_prefix("0x").or_else(|| text.strip_prefix("0X"))?;
    u32::from_str_radix(digits, 16).ok().map(|code| HRESULT(code.cast_signed()))
}
