#![expect(clippy::unwrap_used, reason = "a test says what it expects by failing")]

use std::path::Path;

use super::Request;

/// A workspace of one package, with a build script and a module that the script writes, and no dependencies.
pub fn fixture(root: &Path) {
    let write = |name: &str, text: &str| {
        let path = root.join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, text).unwrap();
    };
    write(
        "Cargo.toml",
        "[workspace]\n[package]\nname = \"hello\"\nversion = \"0.3.0\"\nedition = \"2024\"\nlicense = \"MIT\"\n",
    );
    write("Cargo.lock", "version = 4\n\n[[package]]\nname = \"hello\"\nversion = \"0.3.0\"\n");
    write(
        "build.rs",
        "fn main() { let out = std::env::var(\"OUT_DIR\").unwrap(); std::fs::write(out + \"/made.rs\", \"pub fn at(n: usize) -> u8 { b\\\"made\\\"[n] }\").unwrap(); }\n",
    );
    write(
        "src/main.rs",
        "mod made { include!(concat!(env!(\"OUT_DIR\"), \"/made.rs\")); }\nfn main() { println!(\"hello {}\", made::at(std::env::args().count())); }\n",
    );
}

/// Compiles the fixture in its own folder, for the machine that runs the tests.
pub fn request(root: &Path) -> Request {
    Request {
        image: "hello".to_owned(),
        root: root.to_owned(),
        package: "hello".to_owned(),
        bin: None,
        platform: if cfg!(target_arch = "aarch64") { "linux/arm64" } else { "linux/amd64" }.to_owned(),
        target: None,
        profile: "release".to_owned(),
        target_dir: root.join("target/xtask/build"),
        out_dir: root.join("target/xtask/binaries"),
        source_date_epoch: 1_700_000_000,
    }
}
