//! What a manifest names.
//! Source: OCI image specification 1.1, manifest.md and image-index.md; Docker image manifest version 2, schema 2.

use serde_json::Value;

use super::names::is_digest;

/// The media type of an OCI image manifest.
pub const OCI_MANIFEST: &str = "application/vnd.oci.image.manifest.v1+json";
/// The media type of an OCI image index.
pub const OCI_INDEX: &str = "application/vnd.oci.image.index.v1+json";
const DOCKER_MANIFEST: &str = "application/vnd.docker.distribution.manifest.v2+json";
const DOCKER_LIST: &str = "application/vnd.docker.distribution.manifest.list.v2+json";

/// A manifest or an index, read.
#[derive(Clone, Debug)]
pub struct Manifest {
    pub media_type: String,
    /// Config and layers, with their sizes; layers that live elsewhere (`urls`) are left out.
    pub blobs: Vec<(String, u64)>,
    /// The manifests of an index.
    pub children: Vec<String>,
    pub subject: Option<String>,
    /// `artifactType`, or the config's media type.
    pub artifact_type: Option<String>,
    pub annotations: Value,
}

/// Why these bytes are no manifest that ECR takes.
pub type Refused = String;

/// Reads a manifest; `media_type` is what the caller says it is.
pub fn read(bytes: &str, media_type: Option<&str>) -> Result<Manifest, Refused> {
    let json: Value = serde_json::from_str(bytes).map_err(|_| "Invalid JSON syntax".to_owned())?;
    if json["schemaVersion"] != 2 {
        return Err("Invalid image manifest provided: schemaVersion must be 2".to_owned());
    }
    let stated = json["mediaType"].as_str();
    if let (Some(said), Some(stated)) = (media_type, stated)
        && said != stated
    {
        return Err(format!("Media type '{said}' does not match the manifest's mediaType '{stated}'"));
    }
    let is_index = json["manifests"].is_array();
    let inferred = if is_index { OCI_INDEX } else { OCI_MANIFEST };
    let media_type = media_type.or(stated).unwrap_or(inferred).to_owned();
    if ![OCI_MANIFEST, OCI_INDEX, DOCKER_MANIFEST, DOCKER_LIST].contains(&media_type.as_str()) {
        return Err(format!("Image manifest media type '{media_type}' is not supported"));
    }
    if is_index != [OCI_INDEX, DOCKER_LIST].contains(&media_type.as_str()) {
        return Err(format!("Invalid image manifest provided: its members are not those of '{media_type}'"));
    }
    let mut manifest = Manifest {
        media_type,
        blobs: Vec::new(),
        children: Vec::new(),
        subject: json["subject"]["digest"].as_str().map(str::to_owned),
        artifact_type: json["artifactType"].as_str().or(json["config"]["mediaType"].as_str()).map(str::to_owned),
        annotations: json["annotations"].clone(),
    };
    if is_index {
        for child in json["manifests"].as_array().into_iter().flatten() {
            manifest.children.push(descriptor(child)?.0);
        }
        return Ok(manifest);
    }
    manifest.blobs.push(descriptor(&json["config"])?);
    let layers = json["layers"].as_array().ok_or("Invalid image manifest provided: layers is not a list")?;
    for layer in layers.iter().filter(|layer| !layer["urls"].is_array()) {
        manifest.blobs.push(descriptor(layer)?);
    }
    Ok(manifest)
}

fn descriptor(value: &Value) -> Result<(String, u64), Refused> {
    let digest = value["digest"].as_str().filter(|digest| is_digest(digest));
    match (digest, value["size"].as_u64(), value["mediaType"].is_string()) {
        (Some(digest), Some(size), true) => Ok((digest.to_owned(), size)),
        _ => Err(format!("Invalid image manifest provided: '{value}' is no descriptor")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ecr::names::digest_of;
    use serde_json::json;

    fn descriptor_of(bytes: &[u8], media_type: &str) -> Value {
        json!({"mediaType": media_type, "digest": digest_of(bytes), "size": bytes.len()})
    }

    #[test]
    fn config_and_layers_are_named_and_foreign_layers_are_not() {
        let mut foreign = descriptor_of(b"foreign", "x");
        foreign["urls"] = json!(["https://example.com/layer"]);
        let text = json!({"schemaVersion": 2, "config": descriptor_of(b"c", "config/type"),
            "layers": [descriptor_of(b"l", "x"), foreign]})
        .to_string();
        let manifest = read(&text, None).expect("a manifest");
        assert_eq!(manifest.blobs, [(digest_of(b"c"), 1), (digest_of(b"l"), 1)]);
        assert_eq!(manifest.media_type, OCI_MANIFEST);
        assert_eq!(manifest.artifact_type.as_deref(), Some("config/type"));
    }

    #[test]
    fn an_index_names_manifests() {
        let text = json!({"schemaVersion": 2, "manifests": [descriptor_of(b"m", OCI_MANIFEST)]}).to_string();
        let manifest = read(&text, Some(OCI_INDEX)).expect("an index");
        assert_eq!((manifest.children, manifest.blobs), (vec![digest_of(b"m")], vec![]));
    }

    #[test]
    fn what_is_no_manifest_is_refused_with_the_reason() {
        assert_eq!(read("{", None).expect_err("no JSON"), "Invalid JSON syntax");
        assert!(read(r#"{"schemaVersion": 1}"#, None).expect_err("old").contains("schemaVersion"));
        let text = json!({"schemaVersion": 2, "mediaType": OCI_MANIFEST, "config": {}, "layers": []}).to_string();
        assert!(read(&text, Some(DOCKER_MANIFEST)).expect_err("two types").contains("does not match"));
        assert!(read(&text, None).expect_err("no descriptor").contains("no descriptor"));
        let index = json!({"schemaVersion": 2, "manifests": []}).to_string();
        assert!(read(&index, Some(OCI_MANIFEST)).expect_err("an index").contains("members"));
    }
}
