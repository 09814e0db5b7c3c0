//! The types of members, as tables spell them.

use serde_json::Value;

use super::Fault;

/// What a member's value looks like.
pub(super) enum Kind {
    Text(Bounds),
    Ruled(&'static str, Bounds),
    OneOf(Vec<&'static str>),
    Flag,
    Whole(Bounds),
    Number,
    Time,
    Bytes,
    Map,
    List(Box<Kind>, Bounds),
    Structure(&'static str),
    Any,
}

/// The range of a number, or of a length.
#[derive(Clone, Copy, Default)]
pub(super) struct Bounds {
    low: Option<i64>,
    high: Option<i64>,
}

impl Kind {
    pub(super) fn parse(text: &'static str) -> Self {
        let (text, bounds) = match text.strip_suffix('>').and_then(|text| text.rsplit_once('<')) {
            Some((text, bounds)) => (text, Bounds::parse(bounds)),
            None => (text, Bounds::default()),
        };
        if let Some(words) = text.strip_prefix('=') {
            return Self::OneOf(words.split('|').collect());
        }
        if let Some(shape) = text.strip_prefix('@') {
            return Self::Ruled(shape, bounds);
        }
        if let Some(item) = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')) {
            return Self::List(Box::new(Self::parse(item)), bounds);
        }
        match text {
            "s" => Self::Text(bounds),
            "b" => Self::Flag,
            "i" => Self::Whole(bounds),
            "f" => Self::Number,
            "t" => Self::Time,
            "x" => Self::Bytes,
            "{}" => Self::Map,
            "*" => Self::Any,
            shape => Self::Structure(shape),
        }
    }

    /// The number or flag that a text spells, where one belongs there.
    pub(super) fn read(&self, value: Value) -> Value {
        let spelt = match (self, &value) {
            (Self::Whole(_), Value::String(text)) => text.parse::<i64>().ok().map(Value::from),
            (Self::Number, Value::String(text)) => text.parse::<f64>().ok().map(Value::from),
            (Self::Flag, Value::String(text)) => text.parse::<bool>().ok().map(Value::from),
            _ => None,
        };
        spelt.unwrap_or(value)
    }

    pub(super) fn word(&self) -> &'static str {
        match self {
            Self::Text(_) | Self::Ruled(..) | Self::OneOf(_) => "a String",
            Self::Flag => "a Boolean",
            Self::Whole(_) => "an Integer",
            Self::Number | Self::Time => "a Double",
            Self::Bytes => "a Blob",
            Self::Map => "a map of Strings",
            Self::List(..) => "a List",
            Self::Structure(_) | Self::Any => "a structure",
        }
    }
}

impl Bounds {
    fn parse(text: &str) -> Self {
        let (low, high) = text.split_once("..").unwrap_or_default();
        Self { low: low.parse().ok(), high: high.parse().ok() }
    }

    pub(super) fn range(self, number: i64) -> Result<(), Fault> {
        self.hold(number, "value")
    }

    pub(super) fn length(self, length: usize) -> Result<(), Fault> {
        self.hold(i64::try_from(length).unwrap_or(i64::MAX), "length")
    }

    fn hold(self, number: i64, what: &str) -> Result<(), Fault> {
        let broken = |than: &str, limit: i64| {
            Err(Fault::Constraint(format!("Member must have {what} {than} than or equal to {limit}")))
        };
        match (self.low, self.high) {
            (Some(low), _) if number < low => broken("greater", low),
            (_, Some(high)) if number > high => broken("less", high),
            _ => Ok(()),
        }
    }
}

pub(super) fn wrong(value: &Value, wanted: &'static str) -> Fault {
    let given = match value {
        Value::Null => "NULL_VALUE",
        Value::Bool(true) => "TRUE_VALUE",
        Value::Bool(false) => "FALSE_VALUE",
        Value::Number(number) if number.is_f64() => "DECIMAL_VALUE",
        Value::Number(_) => "NUMBER_VALUE",
        Value::String(_) => "STRING_VALUE",
        Value::Array(_) => "Start of list",
        Value::Object(_) => "Start of structure or map",
    };
    Fault::WrongType(given, wanted)
}
