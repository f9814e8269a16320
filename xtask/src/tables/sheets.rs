//! Reads the fact sheets: comma-separated text with a first line that says what it is, then the column names.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::rc::Rc;

/// One row; columns are asked for by name.
pub(super) struct Row {
    columns: Rc<BTreeMap<String, usize>>,
    cells: Vec<String>,
}

impl Row {
    /// The cell in this column; empty when there is none.
    pub(super) fn text(&self, column: &str) -> &str {
        self.columns.get(column).and_then(|at| self.cells.get(*at)).map_or("", String::as_str)
    }

    /// The cell as a number. [`sheet`] has seen to it that every cell of these columns is one.
    pub(super) fn number(&self, column: &str) -> u32 {
        self.text(column).parse().unwrap_or_default()
    }
}

/// The columns that hold numbers.
const NUMBERS: [&str; 5] = ["group_id", "range_end", "range_start", "serial", "sku_number"];

/// Reads one sheet.
///
/// # Errors
///
/// A sentence naming the file, and the line where there is one.
pub(super) fn sheet(path: &Path) -> Result<Vec<Row>, String> {
    let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let mut lines = text.lines().zip(1..).filter(|(line, _)| !line.starts_with('#') && !line.is_empty());
    let (names, _) = lines.next().ok_or(format!("{} is empty", path.display()))?;
    let columns: Rc<BTreeMap<_, _>> = Rc::new(cells(names).into_iter().zip(0..).collect());
    let mut rows = Vec::new();
    for (line, number) in lines {
        let row = Row { columns: Rc::clone(&columns), cells: cells(line) };
        let whole = row.cells.len() == columns.len();
        let numeric = NUMBERS.iter().all(|name| !columns.contains_key(*name) || row.text(name).parse::<u32>().is_ok());
        if !whole || !numeric {
            return Err(format!("{}, line {number}: not the columns expected", path.display()));
        }
        rows.push(row);
    }
    Ok(rows)
}

/// Splits at commas outside quotes; a doubled quote inside quotes is one quote.
fn cells(line: &str) -> Vec<String> {
    let (mut cells, mut cell, mut quoted) = (Vec::new(), String::new(), false);
    let mut symbols = line.chars().peekable();
    while let Some(symbol) = symbols.next() {
        match symbol {
            '"' if quoted && symbols.next_if_eq(&'"').is_some() => cell.push('"'),
            '"' => quoted = !quoted,
            ',' if !quoted => cells.push(std::mem::take(&mut cell)),
            other => cell.push(other),
        }
    }
    cells.push(cell);
    cells
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commas_and_quotes_inside_quotes_belong_to_the_cell() {
        assert_eq!(cells(r#"1,"a, b","say ""x""",,z"#), ["1", "a, b", r#"say "x""#, "", "z"]);
    }
}
