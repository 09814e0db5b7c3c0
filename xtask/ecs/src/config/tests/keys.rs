//! The lists of keys hold readers to what docs/REFERENCE.md says, and give the nearest name.

use super::super::diagnostic::Source;
use super::super::keys::{Key, Keys, TABLES, or};
use super::super::reading::Reading;
use super::super::table::Table;
use super::super::workspace::{Workspace, parse};
use crate::failure::Fault;

/// What is wrong with this table, once `read` has read it.
fn faults(text: &str, keys: &'static [&'static Keys], read: impl FnOnce(&mut Table<'_>)) -> Vec<Fault> {
    let source = Source { file: "Cargo.toml", text };
    let document = parse(source).expect("TOML");
    let workspace = Workspace::new(std::path::PathBuf::new(), source, &document);
    let reading = Reading::new(&workspace, &|_| None);
    let mut table = Table::new(&reading, keys, String::new(), 0..0, &document);
    read(&mut table);
    table.finish();
    reading.faults.into_inner()
}

fn read_all(keys: &'static Keys) -> impl FnOnce(&mut Table<'_>) {
    move |table| keys.names().for_each(|key| drop(table.take(key)))
}

#[test]
fn every_key_of_the_reference_is_the_nearest_name_of_its_misspelling() {
    for keys in &TABLES {
        for Key { name, .. } in keys.list {
            let misspelt = format!("{}{}", &name[..1], name);
            let faults = faults(&format!("{misspelt} = 1\n"), std::slice::from_ref(keys), read_all(keys));
            let said: Vec<_> = faults.iter().map(|fault| (fault.message.as_str(), fault.help.concat())).collect();
            // Any two letters are near to any others.
            let hint = if name.len() > 2 {
                format!("did you mean `{name}`?")
            } else {
                let known: Vec<_> = keys.names().map(|name| format!("`{name}`")).collect();
                format!("known keys are {}", known.join(", "))
            };
            assert_eq!(said, [(format!("unknown key `{misspelt}`").as_str(), hint)], "{}", keys.table);
        }
    }
}

#[test]
#[should_panic(expected = "`colour` is read in `[workspace.metadata.xtask]` and stands in no list of its keys")]
fn a_key_that_the_reference_does_not_have_cannot_be_read() {
    faults("colour = 1\n", std::slice::from_ref(&TABLES[0]), |table| drop(table.take("colour")));
}

#[test]
#[should_panic(expected = "is documented and not read in `[workspace.metadata.xtask]`")]
fn a_key_of_the_reference_that_nobody_reads_is_none() {
    faults("", std::slice::from_ref(&TABLES[0]), |_| ());
}

#[test]
#[should_panic(expected = "`paint` is not among the tables of the reference")]
fn a_table_that_the_reference_does_not_have_cannot_be_read() {
    const PAINT: Keys = Keys { table: "paint", note: "", list: &[or("colour", "a colour", "\"red\"", "how it looks")] };
    faults("", &[&PAINT], read_all(&PAINT));
}
