//! What the library may not pull in: the SDK's old HTTP and TLS stack compiles for a minute and carries advisories.

use std::path::Path;

#[test]
fn the_sdks_old_http_and_tls_stack_is_not_compiled() {
    let lock = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../Cargo.lock");
    let lock = std::fs::read_to_string(lock).expect("the workspace has a lock file");
    for (name, version) in
        [("hyper", "0."), ("rustls", "0.21"), ("http", "0."), ("openssl-sys", ""), ("aws-lc-sys", "")]
    {
        let entry = format!("name = \"{name}\"\nversion = \"{version}");
        assert!(!lock.contains(&entry), "Cargo.lock holds {name} {version}: a default feature of the SDK is on");
    }
}
