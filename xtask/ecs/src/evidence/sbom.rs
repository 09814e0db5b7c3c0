//! A list of contents, made the same of the same.
//!
//! trivy names a document, its moment and most components by chance, and lists them in the order that it finished with them.
//! Source: CycloneDX 1.6, JSON reference.

use std::collections::BTreeMap;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::digest::Digest;
use crate::gather::Gather;
use crate::sorted::{Arrange, SortedMap};
use crate::time::timestamp;

/// The document that trivy made of the image with this digest, with names that follow from what they name, in order, and the
/// commit's time.
pub(crate) fn sbom(document: &[u8], image: &Digest, seconds: u64) -> Result<Vec<u8>> {
    let mut document: Value = serde_json::from_slice(document).context("the list of contents is not JSON")?;
    let names = names(&document, image);
    let name = |value: &mut Value| {
        if let Some(new) = value.as_str().and_then(|old| names.get(old)) {
            *value = json!(new);
        }
    };
    name(&mut document["metadata"]["component"]["bom-ref"]);
    for component in list(&mut document["components"]) {
        name(&mut component["bom-ref"]);
    }
    for dependency in list(&mut document["dependencies"]) {
        name(&mut dependency["ref"]);
        list(&mut dependency["dependsOn"]).iter_mut().for_each(name);
        order(&mut dependency["dependsOn"], Value::as_str);
    }
    for vulnerability in list(&mut document["vulnerabilities"]) {
        for affected in list(&mut vulnerability["affects"]) {
            name(&mut affected["ref"]);
        }
        order(&mut vulnerability["affects"], |affected| affected["ref"].as_str());
    }
    order(&mut document["components"], |component| component["bom-ref"].as_str());
    order(&mut document["dependencies"], |dependency| dependency["ref"].as_str());
    order(&mut document["vulnerabilities"], |found| found["id"].as_str());
    document["serialNumber"] = json!(format!("urn:uuid:{}", uuid(image)));
    document["metadata"]["timestamp"] = json!(timestamp(seconds));
    Ok(document.to_string().into_bytes())
}

/// What takes the place of each component's name: its package address where it alone has that, else what it is made of.
fn names(document: &Value, image: &Digest) -> BTreeMap<String, String> {
    let components = || document["components"].as_array().into_iter().flatten();
    let mut names = BTreeMap::new();
    if let Some(root) = document["metadata"]["component"]["bom-ref"].as_str() {
        names.insert(root.to_owned(), image.to_string());
    }
    let mut taken: SortedMap<String, usize> = SortedMap::new();
    let mut described: Vec<(String, &str)> = components()
        .filter_map(|component| {
            let old = component["bom-ref"].as_str()?;
            let mut rest = component.clone();
            rest.as_object_mut()?.remove("bom-ref");
            let address = component["purl"].as_str().map(str::to_owned);
            Some((address.unwrap_or_else(|| Digest::of(rest.to_string().as_bytes()).to_string()), old))
        })
        .gather();
    // What is the same in all but its name keeps an order among its like: that of the document, which then says nothing.
    described.arrange_by(|one, other| one.0.cmp(&other.0));
    for (new, old) in described {
        let count = taken.or_default(new.clone());
        *count += 1;
        let new = if *count == 1 { new } else { format!("{new}#{count}") };
        names.insert(old.to_owned(), new);
    }
    names
}

/// The elements, of what is none too.
fn list(value: &mut Value) -> &mut Vec<Value> {
    if !value.is_array() {
        *value = json!([]);
    }
    value.as_array_mut().expect("it is one now")
}

/// Puts a list into the order of a text of each element. There may be tens of thousands.
fn order(value: &mut Value, text: fn(&Value) -> Option<&str>) {
    list(value).sort_by(|one, other| text(one).cmp(&text(other)));
}

/// A UUID of version 8, which is for what its maker decides. Source: RFC 9562, 5.8.
fn uuid(digest: &Digest) -> String {
    let hex = digest.hex();
    format!("{}-{}-8{}-8{}-{}", &hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..32])
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(value: &Value) -> String {
        value.as_str().unwrap_or_default().to_owned()
    }

    /// As two runs of trivy make it of one image: other names by chance, another order.
    fn run(names: [&str; 3], turned: bool) -> Vec<u8> {
        let [root, system, package] = names;
        let purl = "pkg:deb/debian/libc6@2.36";
        let mut components = vec![
            json!({"bom-ref": system, "type": "operating-system", "name": "debian", "version": "12"}),
            json!({"bom-ref": package, "type": "library", "name": "app", "version": "1"}),
            json!({"bom-ref": purl, "type": "library", "name": "libc6", "purl": purl}),
        ];
        let mut dependencies = vec![
            json!({"ref": root, "dependsOn": if turned { [package, system] } else { [system, package] }}),
            json!({"ref": system, "dependsOn": [purl]}),
        ];
        if turned {
            components.reverse();
            dependencies.reverse();
        }
        json!({
            "bomFormat": "CycloneDX", "specVersion": "1.6", "serialNumber": format!("urn:uuid:{root}"),
            "metadata": {"timestamp": root, "component": {"bom-ref": root, "type": "container", "name": "layout"}},
            "components": components, "dependencies": dependencies,
            "vulnerabilities": [{"id": "CVE-1", "affects": [{"ref": purl}]}, {"id": "CVE-0", "affects": [{"ref": package}]}],
        })
        .to_string()
        .into_bytes()
    }

    #[test]
    fn two_runs_of_one_image_make_one_document_that_still_fits_together() {
        let image = Digest::of(b"image");
        let one = sbom(&run(["a", "b", "c"], false), &image, 0).expect("a document");
        let other = sbom(&run(["x", "y", "z"], true), &image, 0).expect("a document");
        assert_eq!(String::from_utf8_lossy(&one), String::from_utf8_lossy(&other));
        let document: Value = serde_json::from_slice(&one).expect("JSON");
        let refs: Vec<String> =
            document["components"].as_array().expect("a list").iter().map(|it| text(&it["bom-ref"])).collect();
        let depended = document["dependencies"].as_array().expect("a list");
        for dependency in depended.iter().flat_map(|it| it["dependsOn"].as_array().expect("a list")) {
            assert!(refs.contains(&text(dependency)), "{dependency} leads nowhere: {refs:?}");
        }
        assert_eq!(document["vulnerabilities"][0]["id"], "CVE-0");
        assert!(refs.contains(&text(&document["vulnerabilities"][0]["affects"][0]["ref"])));
        assert_eq!(document["metadata"]["timestamp"], "1970-01-01T00:00:00Z");
        assert_ne!(sbom(&run(["a", "b", "c"], false), &Digest::of(b"other"), 0).expect("a document"), one);
    }
}
