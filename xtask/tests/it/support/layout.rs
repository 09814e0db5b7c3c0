//! Layouts made by hand, good and bad.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

/// Writes a layout for linux/amd64 whose layers are these bytes; returns the manifest's digest.
pub fn write(root: &Path, layers: &[&[u8]]) -> String {
    write_for(root, "amd64", layers)
}

/// The same for another architecture of Linux.
pub fn write_for(root: &Path, architecture: &str, layers: &[&[u8]]) -> String {
    let layer = |bytes: &&[u8]| blob(root, "application/vnd.oci.image.layer.v1.tar+gzip", bytes);
    let layers: Vec<Value> = layers.iter().map(layer).collect();
    let mut manifest = image(root, architecture, &layers, &json!([]));
    manifest["platform"] = json!({ "architecture": architecture, "os": "linux" });
    let index = json!({ "schemaVersion": 2, "manifests": [manifest] });
    fs::write(root.join("index.json"), index.to_string()).expect("the index can be written");
    fs::write(root.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#).expect("the marker can be written");
    manifest["digest"].as_str().expect("a digest is text").to_owned()
}

/// Writes the blobs of an image that can be a base, whose one layer holds nothing; returns the manifest's digest.
pub fn write_base(root: &Path) -> String {
    let layer = blob(root, "application/vnd.oci.image.layer.v1.tar", &[0; 1024]);
    let manifest = image(root, "amd64", std::slice::from_ref(&layer), &json!([layer["digest"]]));
    manifest["digest"].as_str().expect("a digest is text").to_owned()
}

/// Writes an image's configuration and manifest; returns the manifest's descriptor.
fn image(root: &Path, architecture: &str, layers: &[Value], diff_ids: &Value) -> Value {
    let rootfs = json!({ "type": "layers", "diff_ids": diff_ids });
    let config = json!({ "architecture": architecture, "os": "linux", "rootfs": rootfs });
    let config = blob(root, "application/vnd.oci.image.config.v1+json", config.to_string().as_bytes());
    let media_type = "application/vnd.oci.image.manifest.v1+json";
    let manifest = json!({ "schemaVersion": 2, "mediaType": media_type, "config": config, "layers": layers });
    blob(root, media_type, manifest.to_string().as_bytes())
}

/// Writes a blob; returns its descriptor.
fn blob(root: &Path, media_type: &str, bytes: &[u8]) -> Value {
    let (blobs, hex) = (root.join("blobs/sha256"), sha256(bytes));
    fs::create_dir_all(&blobs).expect("the layout's folders can be made");
    fs::write(blobs.join(&hex), bytes).expect("a blob can be written");
    json!({ "mediaType": media_type, "digest": format!("sha256:{hex}"), "size": bytes.len() })
}

/// Flips a bit of the largest blob.
pub fn corrupt(root: &Path) {
    let blobs = fs::read_dir(root.join("blobs/sha256")).expect("the layout has blobs").flatten();
    let largest = blobs.max_by_key(|blob| blob.metadata().map_or(0, |metadata| metadata.len()));
    let path = largest.expect("the layout has a blob").path();
    let mut bytes = fs::read(&path).expect("the blob can be read");
    *bytes.last_mut().expect("the blob is not empty") ^= 1;
    fs::write(path, bytes).expect("the blob can be written");
}

/// Source: RFC 4648, section 4.
pub fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let group = |three: &[u8]| {
        let bits = (0..3).fold(0_usize, |bits, place| bits << 8 | usize::from(*three.get(place).unwrap_or(&0)));
        let letter =
            |place: usize| if place > three.len() { '=' } else { char::from(LETTERS[bits >> (18 - 6 * place) & 63]) };
        [0, 1, 2, 3].map(letter)
    };
    bytes.chunks(3).flat_map(group).collect()
}

/// The other way round.
pub fn from_base64(text: &str) -> Vec<u8> {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (mut bits, mut count, mut bytes) = (0u32, 0, Vec::new());
    for letter in text.bytes().filter(|letter| *letter != b'=') {
        let value = LETTERS.iter().position(|known| *known == letter).expect("base64");
        (bits, count) = (bits << 6 | u32::try_from(value).unwrap(), count + 6);
        if count >= 8 {
            count -= 8;
            bytes.push(u8::try_from(bits >> count & 0xff).unwrap());
        }
    }
    bytes
}

pub fn sha256(bytes: &[u8]) -> String {
    use std::fmt::Write;
    let digest = ring::digest::digest(&ring::digest::SHA256, bytes);
    digest.as_ref().iter().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").expect("a String takes everything");
        hex
    })
}
