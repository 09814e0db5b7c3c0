//! What several tables write: packages of the workspace, environment variables, platforms.

use super::diagnostic::suggestion;
use super::model::Program;
use super::table::Table;
use super::value::Value;
use crate::gather::Gather;
use crate::platform::Platform;

const PLATFORM: &str = "linux/amd64";

/// The name of a package of the workspace.
pub(super) fn package_name(value: &Value<'_>) -> Option<String> {
    let name = value.string()?;
    let workspace = value.reading.workspace;
    if workspace.package(&name).is_none() {
        let names = workspace.packages().iter().map(|package| package.name.as_str());
        let hint = suggestion(&name, names, "its packages");
        value.error(format!("`{}` is no package of this workspace", name.escape_debug()), hint);
        return None;
    }
    Some(name)
}

/// The keys that say which program cargo compiles, and how: `package`, `bin`, `features`, `default-features`.
pub(super) fn program(table: &mut Table<'_>) -> Option<Program> {
    let package = table.optional("package", package_name);
    let bin = table.optional("bin", Value::string);
    let features = table.or("features", features, Vec::new());
    let default_features = table.or("default-features", Value::boolean, true);
    Some(Program { package: package?, bin, features, default_features })
}

/// Names of features. Source: the Cargo book, "Features"; `crate/feature` is one of a dependency.
pub(super) fn features(value: &Value<'_>) -> Option<Vec<String>> {
    const RULE: &str = "name one feature: letters, digits, `_`, `-`, `+` and `.`, or `crate/feature`";
    let is_feature = |text: &str| {
        let fits = text.starts_with(|c: char| c.is_alphanumeric() || c == '_')
            && text.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-' | '+' | '.' | '/'));
        fits.then(|| text.to_owned()).ok_or(RULE)
    };
    value.list(|item| item.check(is_feature))
}

/// Environment variable names: POSIX.1-2017, section 8.1.
pub(super) fn is_variable(text: &str) -> Result<String, &'static str> {
    let fits = !text.starts_with(|c: char| c.is_ascii_digit())
        && !text.is_empty()
        && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    fits.then(|| text.to_owned()).ok_or("an environment variable's name is letters, digits and `_`")
}

/// The platforms of an image, at least one, and none of them twice.
pub(super) fn platforms(table: &mut Table<'_>) -> Vec<String> {
    let read = |value: &Value<'_>| {
        let platforms = value.list(|item| item.check(is_platform))?;
        if platforms.is_empty() {
            value.error("`platforms` is empty", format!("write `[\"{PLATFORM}\"]`"));
            return None;
        }
        let mut known: Vec<(Platform, &String)> = Vec::new();
        for text in &platforms {
            let Ok(platform) = text.parse::<Platform>() else { continue };
            if let Some((_, before)) = known.iter().find(|(known, _)| *known == platform) {
                value.error(format!("`{before}` and `{text}` are one platform"), "keep one of them");
                return None;
            }
            known.push((platform, text));
        }
        Some(platforms)
    };
    table.or("platforms", read, vec![PLATFORM.to_owned()])
}

/// Source: OCI image specification 1.1, image index, `platform`.
pub(super) fn is_platform(text: &str) -> Result<String, &'static str> {
    let parts: Vec<&str> = text.split('/').gather();
    let word = |part: &&str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
    let fits = (2..=3).contains(&parts.len()) && parts.iter().all(word);
    fits.then(|| text.to_owned()).ok_or("a platform looks like `linux/amd64` or `linux/arm64`")
}
