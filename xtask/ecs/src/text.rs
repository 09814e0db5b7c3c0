//! What people read and type: how wide it is, sizes and durations, the name that was meant.

mod nearest;
mod printable;
pub(crate) mod program;
pub(crate) mod quantity;
mod table;
pub(crate) mod version;
mod width;

pub(crate) use nearest::{misspelt, nearest};
pub(crate) use printable::{acts, plain, printable};
pub(crate) use program::{as_called, program};
pub(crate) use table::{Last, table};
pub(crate) use width::{cut, pad, width};

/// The last part of an ARN, or of a name that may be written as one: `FAMILY:REVISION` of a task definition, the name of a
/// cluster, a role or a session.
pub(crate) fn short(arn: &str) -> &str {
    arn.rsplit('/').next().unwrap_or(arn)
}

/// The first of these, and how many more there are.
pub(crate) fn some(all: &[String]) -> String {
    const SHOWN: usize = 5;
    match all.len().checked_sub(SHOWN).filter(|more| *more > 1) {
        None => all.join(", "),
        Some(more) => format!("{} and {more} more", all[..SHOWN].join(", ")),
    }
}

/// A text of JSON; empty where it is another value, or absent.
pub(crate) fn of_json(value: &serde_json::Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

/// A member of JSON, moved out of it; null where it is absent, or where this is no object, of which indexing would panic.
pub(crate) fn taken(value: &mut serde_json::Value, member: &str) -> serde_json::Value {
    value.get_mut(member).map(serde_json::Value::take).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    #[test]
    fn of_many_the_first_are_named_and_the_others_counted() {
        let all: Vec<String> = (1..8).map(|number| format!("CVE-{number}")).collect();
        assert_eq!(super::some(&all[..2]), "CVE-1, CVE-2");
        assert_eq!(super::some(&all[..6]), "CVE-1, CVE-2, CVE-3, CVE-4, CVE-5, CVE-6", "one more is as short");
        assert_eq!(super::some(&all), "CVE-1, CVE-2, CVE-3, CVE-4, CVE-5 and 2 more");
    }

    #[test]
    fn a_member_is_taken_only_of_an_object() {
        let mut object = json!({ "member": [1] });
        assert_eq!(super::taken(&mut object, "member"), json!([1]));
        assert_eq!(object, json!({ "member": null }));
        for mut other in [json!(1), json!("text"), json!([{ "member": 1 }]), json!(null), json!({})] {
            assert!(super::taken(&mut other, "member").is_null(), "{other}");
        }
    }
}
