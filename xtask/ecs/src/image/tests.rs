#![expect(clippy::unwrap_used, reason = "a test says what it expects by failing")]

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::os::unix::fs::{PermissionsExt, symlink};

use super::*;
use crate::binary::fixture;
use crate::config::{Asset, Base, Program};
use crate::digest::Digest;

fn package() -> Package {
    Package::new(Program::new("hello"), "linux/amd64")
}

fn asset(source: &Path, path: &str) -> Asset {
    Asset { source: source.to_owned(), path: path.to_owned(), mode: None, owner: "0:0".to_owned() }
}

/// A folder with a stand-in for a binary, where images are built without compiling.
struct Bench {
    folder: tempfile::TempDir,
    binary: Binary,
    commit: Commit,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("hello");
        fs::write(&path, "a program").unwrap();
        let binary = Binary {
            path,
            name: "hello".to_owned(),
            package: "hello".to_owned(),
            version: "0.3.0".to_owned(),
            license: None,
            repository: None,
            description: None,
            target: "x86_64-unknown-linux-musl".to_owned(),
            interpreter: None,
        };
        let commit = Commit {
            revision: Some("c0ffee".to_owned()),
            remote: Some("https://forge.example/hello".to_owned()),
            time: 1_700_000_000,
        };
        Self { folder, binary, commit }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    fn build(&self, package: &Package) -> Result<(Layout, Manifest)> {
        self.build_to(package, "layout", &|host| Registry::new(host, None))
    }

    fn build_to(
        &self,
        package: &Package,
        name: &str,
        registry: &dyn Fn(&str) -> Registry,
    ) -> Result<(Layout, Manifest)> {
        let request = Request {
            package,
            binary: &self.binary,
            commit: &self.commit,
            root: self.folder.path(),
            cache: self.path("cache"),
            registry,
        };
        build(&request, &self.path(name), &Events::discard(), &Interrupt::default())
    }

    fn refused(&self, package: &Package) -> String {
        let failure = self.build(package).unwrap_err();
        assert_eq!(failure.exit_code(), 2, "{failure}");
        assert!(!self.path("layout").exists(), "a refused build leaves no layout");
        failure.to_string()
    }
}

/// A layer's entries as `MODE UID:GID TIME PATH[ -> TARGET]`.
fn entries(layout: &Layout, layer: &Descriptor) -> Vec<String> {
    let mut archive = tar::Archive::new(unpacked(layout, layer));
    let line = |entry: tar::Entry<'_, Box<dyn Read>>| {
        let header = entry.header();
        let (mode, uid, gid) = (header.mode().unwrap(), header.uid().unwrap(), header.gid().unwrap());
        let target = entry.link_name().unwrap().map(|target| format!(" -> {}", target.display())).unwrap_or_default();
        let path = String::from_utf8(entry.path_bytes().into_owned()).unwrap();
        format!("{mode:o} {uid}:{gid} {} {path}{target}", header.mtime().unwrap())
    };
    archive.entries().unwrap().map(|entry| line(entry.unwrap())).collect()
}

fn unpacked(layout: &Layout, layer: &Descriptor) -> Box<dyn Read> {
    let file = fs::File::open(layout.blob(&layer.digest)).unwrap();
    match layer.media_type.as_str() {
        #[cfg(feature = "zstd")]
        media_type::LAYER_ZSTD => Box::new(zstd::Decoder::new(file).unwrap()),
        _ => Box::new(flate2::read::GzDecoder::new(file)),
    }
}

fn paths(layout: &Layout, layer: &Descriptor) -> Vec<String> {
    entries(layout, layer).iter().map(|line| line.split(' ').nth(3).unwrap().to_owned()).collect()
}

#[test]
fn the_same_commit_in_two_folders_gives_the_same_digest_and_a_program_that_starts() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let mut digests = Vec::new();
    let roots = [one.path().join("checkout"), two.path().join("another/checkout")];
    for (root, compiled) in roots.iter().zip(fixture::TWICE.iter()) {
        let binary = Binary { path: root.join("hello"), ..compiled.binary.clone() };
        let asset_file = root.join("static/index.html");
        fs::create_dir_all(asset_file.parent().unwrap()).unwrap();
        fs::write(&asset_file, "<p>hello").unwrap();
        fs::write(&binary.path, &compiled.program).unwrap();
        let mut package = package();
        package.platform = fixture::request(root).platform;
        package.assets = vec![asset(&root.join("static"), "/srv/static")];
        let request = Request {
            package: &package,
            binary: &binary,
            commit: &Commit { time: 1_700_000_000, ..Commit::default() },
            root,
            cache: root.join("target/xtask/cache"),
            registry: &|host| Registry::new(host, None),
        };
        let destination = root.join("target/xtask/layouts/hello");
        let (layout, manifest) = build(&request, &destination, &Events::discard(), &Interrupt::default()).unwrap();
        Layout::open(&destination).unwrap().verify(&manifest).unwrap();

        let image = root.join("unpacked");
        for layer in &manifest.layers {
            tar::Archive::new(unpacked(&layout, layer)).unpack(&image).unwrap();
        }
        assert_eq!(fs::read_to_string(image.join("srv/static/index.html")).unwrap(), "<p>hello");
        let program = image.join("usr/local/bin/hello");
        assert_eq!(fs::metadata(&program).unwrap().permissions().mode() & 0o777, 0o755);
        assert!(fixture::answer(&program, &[]).starts_with("hello "));
        digests.push(manifest.digest);
    }
    assert_eq!(digests[0], digests[1]);
}

#[test]
fn without_a_base_an_image_has_what_programs_expect_and_the_binary_alone_on_top() {
    let bench = Bench::new();
    let mut package = package();
    package.workdir = "/var/lib/hello".to_owned();
    let (layout, manifest) = bench.build(&package).unwrap();
    assert_eq!(
        entries(&layout, &manifest.layers[0]),
        [
            "755 0:0 1700000000 etc/",
            "644 0:0 1700000000 etc/group",
            "644 0:0 1700000000 etc/passwd",
            "755 0:0 1700000000 etc/ssl/",
            "755 0:0 1700000000 etc/ssl/certs/",
            "644 0:0 1700000000 etc/ssl/certs/ca-certificates.crt",
            "1777 0:0 1700000000 tmp/",
            "755 0:0 1700000000 var/",
            "755 0:0 1700000000 var/lib/",
            "755 0:0 1700000000 var/lib/hello/",
        ]
    );
    assert_eq!(
        entries(&layout, &manifest.layers[1]),
        [
            "755 0:0 1700000000 usr/",
            "755 0:0 1700000000 usr/local/",
            "755 0:0 1700000000 usr/local/bin/",
            "755 0:0 1700000000 usr/local/bin/hello",
        ]
    );
    assert_eq!(manifest.layers.len(), 2);
}

#[test]
fn the_configuration_says_what_runs_as_whom_and_where_it_comes_from() {
    let bench = Bench::new();
    let mut package = package();
    package.args = vec!["--port".to_owned(), "8080".to_owned()];
    package.ports = vec!["8080/tcp".to_owned()];
    package.env = BTreeMap::from([("LOG".to_owned(), "info".to_owned())]);
    package.labels = BTreeMap::from([("org.opencontainers.image.title".to_owned(), "Hello".to_owned())]);
    let (layout, manifest) = bench.build(&package).unwrap();
    let mut config = layout.config(&manifest).unwrap();
    let diff_ids = config.as_object_mut().unwrap().remove("rootfs").unwrap();
    let diff_ids: Vec<String> = serde_json::from_value(diff_ids["diff_ids"].clone()).unwrap();
    for (layer, diff_id) in manifest.layers.iter().zip(&diff_ids) {
        let mut archive = Vec::new();
        unpacked(&layout, layer).read_to_end(&mut archive).unwrap();
        assert_eq!(Digest::of(&archive).as_str(), diff_id);
    }
    assert_eq!(diff_ids.len(), manifest.layers.len());
    let created = "2023-11-14T22:13:20Z";
    assert_eq!(
        config,
        json!({
            "created": created,
            "architecture": "amd64",
            "os": "linux",
            "config": {
                "User": "65532:65532",
                "WorkingDir": "/",
                "Entrypoint": ["/usr/local/bin/hello", "--port", "8080"],
                "Env": [
                    "LOG=info",
                    "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                    "SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt",
                ],
                "ExposedPorts": { "8080/tcp": {} },
                "Labels": {
                    "org.opencontainers.image.created": created,
                    "org.opencontainers.image.revision": "c0ffee",
                    "org.opencontainers.image.source": "https://forge.example/hello",
                    "org.opencontainers.image.title": "Hello",
                    "org.opencontainers.image.version": "0.3.0",
                },
            },
            "history": [
                { "created": created, "created_by": "cargo xtask: files" },
                { "created": created, "created_by": "cargo xtask: binary" },
            ],
        })
    );
}

#[test]
fn another_binary_changes_the_last_layer_only() {
    let bench = Bench::new();
    let (_, first) = bench.build(&package()).unwrap();
    fs::write(&bench.binary.path, "another program").unwrap();
    let (_, second) = bench.build(&package()).unwrap();
    assert_eq!(first.layers[0], second.layers[0]);
    assert_ne!(first.layers[1], second.layers[1]);
}

#[test]
#[cfg(feature = "zstd")]
fn zstd_is_a_choice() {
    let bench = Bench::new();
    let zstd = Package { compression: crate::config::Compression::Zstd, ..package() };
    let (layout, manifest) = bench.build(&zstd).unwrap();
    assert!(manifest.layers.iter().all(|layer| layer.media_type == media_type::LAYER_ZSTD));
    assert!(paths(&layout, &manifest.layers[1]).contains(&"usr/local/bin/hello".to_owned()));
}

#[test]
fn zstd_without_its_feature_is_a_usage_error_that_names_it() {
    let failure = super::zstandard::missing();
    assert_eq!(failure.exit_code(), 2, "{failure}");
    assert!(failure.to_string().contains("features = [\"zstd\"]"), "{failure}");
}

#[test]
fn assets_keep_their_shape_whatever_order_and_rights_the_disk_has() {
    let bench = Bench::new();
    let script = bench.write("files/run.sh", "#!/bin/sh\n");
    fs::set_permissions(&script, fs::Permissions::from_mode(0o700)).unwrap();
    bench.write("files/a/deep/one.txt", "1");
    bench.write("files/b.txt", "b");
    symlink("b.txt", bench.path("files/c.txt")).unwrap();
    let elsewhere = bench.write("elsewhere/d.txt", "from elsewhere");
    symlink(&elsewhere, bench.path("files/d.txt")).unwrap();
    let mut package = package();
    let secret = Asset { mode: Some(0o640), owner: "0:65532".to_owned(), ..asset(&bench.path("files/a"), "/srv/a") };
    package.assets = vec![asset(&bench.path("files"), "/srv"), secret, asset(&bench.path("files/b.txt"), "/srv/more/")];
    let (layout, manifest) = bench.build(&package).unwrap();
    let srv: Vec<_> = entries(&layout, &manifest.layers[0])
        .into_iter()
        .filter(|line| line.contains(" srv"))
        .map(|line| line.replace("1700000000 ", ""))
        .collect();
    assert_eq!(
        srv,
        [
            "755 0:0 srv/",
            "750 0:65532 srv/a/",
            "750 0:65532 srv/a/deep/",
            "640 0:65532 srv/a/deep/one.txt",
            "644 0:0 srv/b.txt",
            "777 0:0 srv/c.txt -> b.txt",
            "644 0:0 srv/d.txt",
            "755 0:0 srv/more/",
            "644 0:0 srv/more/b.txt",
            "755 0:0 srv/run.sh",
        ]
    );
}

#[test]
fn an_asset_that_is_missing_leaves_the_workspace_or_gets_in_the_way_is_refused() {
    let bench = Bench::new();
    let refused = |assets: Vec<Asset>| bench.refused(&Package { assets, ..package() });
    let file = bench.write("file.txt", "");
    let message = refused(vec![asset(&bench.path("nowhere"), "/srv")]);
    assert!(message.contains("does not exist\ncreate it"), "{message}");

    let outside = tempfile::tempdir().unwrap();
    fs::write(outside.path().join("secret"), "").unwrap();
    let message = refused(vec![asset(&outside.path().join("secret"), "/srv")]);
    assert!(message.contains("points outside the repository"), "{message}");
    fs::create_dir(bench.path("folder")).unwrap();
    symlink(outside.path().join("secret"), bench.path("folder/link")).unwrap();
    let message = refused(vec![asset(&bench.path("folder"), "/srv")]);
    assert!(message.contains("points outside the repository"), "{message}");

    let message = refused(vec![asset(&file, "srv/file.txt")]);
    assert!(message.contains("is not an absolute path"), "{message}");
    let message = refused(vec![asset(&file, "/srv/../file.txt")]);
    assert!(message.contains("without `..`"), "{message}");
    let message = refused(vec![asset(&file, "/srv"), asset(&file, "/srv/file.txt")]);
    assert!(message.contains("/srv is a file there"), "{message}");
    let message = refused(vec![asset(&file, "/usr")]);
    assert!(message.contains("/usr is a file there"), "{message}");
    let message = refused(vec![asset(&file, "/usr/local/bin/hello")]);
    assert!(message.contains("the binary's own path"), "{message}");
}

#[test]
fn a_dynamic_program_wants_a_base_with_its_loader() {
    let mut bench = Bench::new();
    bench.binary.interpreter = Some("/lib64/ld-linux-x86-64.so.2".to_owned());
    let message = bench.refused(&package());
    assert!(message.contains("wants /lib64/ld-linux-x86-64.so.2 to start"), "{message}");
}

#[test]
fn an_interrupt_leaves_no_layout() {
    let bench = Bench::new();
    let request = Request {
        package: &package(),
        binary: &bench.binary,
        commit: &bench.commit,
        root: bench.folder.path(),
        cache: bench.path("cache"),
        registry: &|host| Registry::new(host, None),
    };
    let interrupt = Interrupt::default();
    interrupt.set();
    let failure = build(&request, &bench.path("out/layout"), &Events::discard(), &interrupt).unwrap_err();
    assert_eq!(failure.exit_code(), 130, "{failure}");
    assert_eq!(fs::read_dir(bench.path("out")).unwrap().count(), 0);
}

mod base;
mod program;
