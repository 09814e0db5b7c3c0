//! Types as they are written: names as serde spells them, members with their shapes, documentation.

use syn::{
    Attribute, Expr, Field, Fields, GenericArgument, Ident, Item, Lit, Meta, PathArguments, Type, Variant, Visibility,
};

use crate::gather::Gather;

/// A source file, or several as one.
pub(super) struct Source {
    items: Vec<Item>,
}

/// A variant of an enum, a struct, or a member of one.
pub(super) struct Named {
    /// As the type spells it.
    pub ident: String,
    pub meaning: String,
    /// `` `name` (shape) ``
    pub members: Vec<String>,
    /// A variant's own number.
    pub number: Option<String>,
}

impl Source {
    pub(super) fn parse(text: &str) -> Self {
        Self { items: syn::parse_file(text).expect("it compiles, so it can be read").items }
    }

    pub(super) fn of<const N: usize>(files: [Self; N]) -> Self {
        Self { items: files.into_iter().flat_map(|file| file.items).gather() }
    }

    pub(super) fn variants(&self, of: &str) -> Vec<Named> {
        let found = self.items.iter().find_map(|item| match item {
            Item::Enum(found) if found.ident == of => Some(found.variants.iter().map(|one| self.variant(one)).gather()),
            _ => None,
        });
        found.unwrap_or_else(|| panic!("there is no enum {of}"))
    }

    /// The other types of the file that others see and JSON has, each with what JSON has for it.
    pub(super) fn types(&self, but: &str) -> Vec<(Named, String)> {
        let named = |item: &Item| match item {
            Item::Enum(found) if found.ident != but => {
                let words: Vec<String> = found.variants.iter().map(|one| word(&self.variant(one))).gather();
                Some((self.named(&found.ident, &found.attrs, &Fields::Unit), format!("one of {}", words.join(", "))))
            }
            Item::Struct(found) if matches!(found.vis, Visibility::Public(_)) && is_serialised(&found.attrs) => {
                let found = self.named(&found.ident, &found.attrs, &found.fields);
                let members = found.members.join(", ");
                Some((found, members))
            }
            _ => None,
        };
        self.items.iter().filter_map(named).gather()
    }

    fn variant(&self, variant: &Variant) -> Named {
        let number = variant.discriminant.as_ref().map(|(_, number)| literal(number));
        Named { number, ..self.named(&variant.ident, &variant.attrs, &variant.fields) }
    }

    fn named(&self, ident: &Ident, attributes: &[Attribute], fields: &Fields) -> Named {
        let members = fields.iter().flat_map(|field| self.members(field)).gather();
        Named { ident: ident.to_string(), meaning: meaning(attributes), members, number: None }
    }

    /// `` `name` (shape) ``, of a flattened member those of the struct that serialises it.
    fn members(&self, field: &Field) -> Vec<String> {
        if let Some(of) = flattened(field) {
            let fields = self.items.iter().find_map(|item| match item {
                Item::Struct(found) if found.ident == of => Some(&found.fields),
                _ => None,
            });
            return fields.expect("it is in these files").iter().flat_map(|field| self.members(field)).gather();
        }
        let name = field.ident.as_ref().map_or(String::new(), |ident| format!("`{}` ", kebab(&ident.to_string())));
        vec![format!("{name}({})", shape(&field.ty))]
    }
}

fn is_serialised(attributes: &[Attribute]) -> bool {
    attributes.iter().any(|attribute| match &attribute.meta {
        Meta::List(list) => list.path.is_ident("derive") && list.tokens.to_string().contains("Serialize"),
        _ => false,
    })
}

/// `End` for `#[serde(flatten, serialize_with = "End::…")]`, and the member's own type for a bare `flatten`.
fn flattened(field: &Field) -> Option<String> {
    field.attrs.iter().find_map(|attribute| match &attribute.meta {
        Meta::List(list) if list.path.is_ident("serde") => {
            let tokens = list.tokens.to_string();
            let (_, by) = tokens.split_once("flatten")?;
            let written = by.split_once('"').and_then(|(_, by)| by.split_once("::"));
            Some(written.map_or_else(|| shape(&field.ty), |(of, _)| of.to_owned()))
        }
        _ => None,
    })
}

/// A variant as a value: its name, or an object that has it for its only key.
fn word(variant: &Named) -> String {
    let name = kebab(&variant.ident);
    match variant.members.join(", ") {
        none if none.is_empty() => format!("`{name}`"),
        members => format!("`{{\"{name}\": …}}` with {members}"),
    }
}

/// `image-planned` for `ImagePlanned` and `image_planned`.
pub(super) fn kebab(ident: &str) -> String {
    let mut name = String::new();
    for letter in ident.chars() {
        if letter.is_uppercase() && !name.is_empty() {
            name.push('-');
        }
        name.push(if letter == '_' { '-' } else { letter.to_ascii_lowercase() });
    }
    name
}

/// What JSON has for a type.
fn shape(of: &Type) -> String {
    let path = match of {
        Type::Path(path) => path.path.segments.last().expect("a type has a name"),
        Type::Tuple(tuple) => return format!("[{}]", tuple.elems.iter().map(shape).gather::<Vec<_>>().join(", ")),
        _ => panic!("an event holds a type that this cannot read"),
    };
    let inner = || match &path.arguments {
        PathArguments::AngleBracketed(arguments) => match arguments.args.first() {
            Some(GenericArgument::Type(inner)) => shape(inner),
            _ => panic!("an event holds a type that this cannot read"),
        },
        _ => panic!("`{}` holds something", path.ident),
    };
    match path.ident.to_string().as_str() {
        "String" => "string".to_owned(),
        "bool" => "true or false".to_owned(),
        "u8" | "u32" | "u64" | "usize" | "i32" | "f64" => "number".to_owned(),
        "Digest" => "`sha256:…`".to_owned(),
        "Option" => format!("{} or null", inner()),
        "Vec" => format!("array of {}", inner()),
        own => own.to_owned(),
    }
}

/// The documentation, on one line.
fn meaning(attributes: &[Attribute]) -> String {
    let line = |attribute: &Attribute| match &attribute.meta {
        Meta::NameValue(pair) if pair.path.is_ident("doc") => Some(literal(&pair.value).trim().to_owned()),
        _ => None,
    };
    attributes.iter().filter_map(line).gather::<Vec<_>>().join(" ")
}

fn literal(expression: &Expr) -> String {
    match expression {
        Expr::Lit(literal) => match &literal.lit {
            Lit::Str(text) => text.value(),
            Lit::Int(number) => number.to_string(),
            _ => panic!("neither text nor a number"),
        },
        _ => panic!("not a literal"),
    }
}
