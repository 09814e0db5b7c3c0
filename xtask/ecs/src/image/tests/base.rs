//! Images with a base: a layout in the workspace, and one that a registry has.

use std::io::{BufRead, BufReader, Write};
use std::net::TcpListener;
use std::thread;

use flate2::write::GzEncoder;

use super::*;

/// Entry of a hand-made layer: a path that ends with `/` is a folder, `a -> b` a link, anything else a file.
fn archive(entries: &[&str]) -> Vec<u8> {
    let mut archive = tar::Builder::new(Vec::new());
    for entry in entries {
        let mut header = tar::Header::new_gnu();
        header.set_mode(0o755);
        header.set_size(0);
        if let Some((path, target)) = entry.split_once(" -> ") {
            header.set_entry_type(tar::EntryType::Symlink);
            archive.append_link(&mut header, path, target).unwrap();
        } else {
            let folder = entry.ends_with('/');
            header.set_entry_type(if folder { tar::EntryType::Directory } else { tar::EntryType::Regular });
            archive.append_data(&mut header, entry, std::io::empty()).unwrap();
        }
    }
    archive.into_inner().unwrap()
}

/// A layout with these layers, in Docker's dialect of configurations.
fn base(bench: &Bench, layers: &[&[&str]]) -> Manifest {
    base_of(bench, &layers.iter().map(|entries| archive(entries)).collect::<Vec<_>>())
}

fn base_of(bench: &Bench, archives: &[Vec<u8>]) -> Manifest {
    let writer = LayoutWriter::create(&bench.path("base")).unwrap();
    let mut descriptors = Vec::new();
    let mut diff_ids = Vec::new();
    for archive in archives {
        diff_ids.push(Digest::of(archive));
        let mut encoder = GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(archive).unwrap();
        descriptors.push(writer.add_bytes(media_type::LAYER_GZIP, &encoder.finish().unwrap()).unwrap());
    }
    let config = json!({
        "architecture": "amd64",
        "os": "linux",
        "config": {
            "Env": ["PATH=/bin", "LANG=C.UTF-8", "MODE=base"],
            "Cmd": ["bash"],
            "StopSignal": "SIGQUIT",
            "Labels": null,
        },
        "rootfs": { "type": "layers", "diff_ids": diff_ids },
        "history": [{ "created_by": "first" }, { "created_by": "set", "empty_layer": true }],
    });
    let config = writer.add_bytes(media_type::CONFIG, config.to_string().as_bytes()).unwrap();
    let manifest = json!({
        "schemaVersion": 2,
        "mediaType": media_type::MANIFEST,
        "config": config,
        "layers": descriptors,
    });
    writer.finish(manifest.to_string().into_bytes(), "linux/amd64").unwrap().1
}

fn on(bench: &Bench) -> Package {
    Package { base: Some(Base::Layout(bench.path("base"))), ..package() }
}

#[test]
fn a_base_stays_below_as_it_is_and_keeps_what_it_has() {
    let bench = Bench::new();
    let below = base(
        &bench,
        &[&[
            "usr/",
            "usr/bin/",
            "bin -> usr/bin",
            "etc/",
            "etc/passwd",
            "etc/group",
            "etc/pki/tls/certs/ca-bundle.crt",
        ]],
    );
    let file = bench.write("file.txt", "");
    let mut package = on(&bench);
    package.assets = vec![asset(&file, "/bin/tool")];
    package.env = BTreeMap::from([("MODE".to_owned(), "own".to_owned())]);
    let (layout, manifest) = bench.build(&package).unwrap();
    layout.verify(&manifest).unwrap();
    assert_eq!(manifest.layers[0], below.layers[0]);
    // Behind the link, whose place a folder `bin` would take.
    assert_eq!(paths(&layout, &manifest.layers[1]), ["tmp/", "usr/", "usr/bin/", "usr/bin/tool"]);
    assert_eq!(paths(&layout, &manifest.layers[2]), ["usr/", "usr/local/", "usr/local/bin/", "usr/local/bin/hello"]);

    let config = layout.config(&manifest).unwrap();
    assert_eq!(config["config"]["Env"], json!(["PATH=/bin", "LANG=C.UTF-8", "MODE=own"]));
    assert_eq!(config["config"].get("Cmd"), None);
    assert_eq!(config["config"]["StopSignal"], "SIGQUIT");
    assert_eq!(config["rootfs"]["diff_ids"].as_array().unwrap().len(), 3);
    let real = config["history"].as_array().unwrap().iter().filter(|entry| entry.get("empty_layer").is_none()).count();
    assert_eq!(real, 3, "a line of history a layer");
}

#[test]
fn folders_of_the_base_keep_their_mode_and_owner_above_it() {
    let bench = Bench::new();
    let mut archive = tar::Builder::new(Vec::new());
    for (path, mode, owner) in [("tmp/", 0o1777, 0), ("srv/", 0o750, 33)] {
        let mut header = tar::Header::new_gnu();
        header.set_entry_type(tar::EntryType::Directory);
        header.set_mode(mode);
        header.set_uid(owner);
        header.set_gid(owner);
        header.set_size(0);
        archive.append_data(&mut header, path, std::io::empty()).unwrap();
    }
    base_of(&bench, &[archive.into_inner().unwrap()]);
    let file = bench.write("file.txt", "");
    let mut package = on(&bench);
    package.assets = vec![asset(&file, "/tmp/a"), asset(&file, "/srv/b")];
    let (layout, manifest) = bench.build(&package).unwrap();
    let folders: Vec<String> = entries(&layout, &manifest.layers[1]);
    for expected in ["1777 0:0 1700000000 tmp/", "750 33:33 1700000000 srv/"] {
        assert!(folders.iter().any(|line| line == expected), "{expected} in {folders:?}");
    }
}

#[test]
fn a_program_goes_where_the_links_of_the_base_lead() {
    let bench = Bench::new();
    base(&bench, &[&["opt/bin/", "usr/local/", "usr/local/bin -> /opt/bin"], &["opt/bin/other"]]);
    let file = bench.write("file.txt", "");
    let taken = Package { assets: vec![asset(&file, "/opt/bin/hello")], ..on(&bench) };
    assert!(bench.refused(&taken).contains("an asset has the binary's own path"));
    let (layout, manifest) = bench.build(&on(&bench)).unwrap();
    assert_eq!(paths(&layout, &manifest.layers[3]), ["opt/", "opt/bin/", "opt/bin/hello"]);
    let config = layout.config(&manifest).unwrap();
    assert_eq!(config["config"]["Entrypoint"], json!(["/usr/local/bin/hello"]));

    // What a layer of the base put where a link was is a folder of its own.
    base(&bench, &[&["usr/bin/sh", "bin -> usr/bin"], &["bin/app"]]);
    let tool = Package { assets: vec![asset(&file, "/bin/tool")], ..on(&bench) };
    let (layout, manifest) = bench.build(&tool).unwrap();
    assert!(paths(&layout, &manifest.layers[2]).contains(&"bin/tool".to_owned()));
    // A folder of ours in the place of a file of the base is no link.
    base(&bench, &[&["etc/x", "data -> etc/x"]]);
    let folder = bench.write("data/y", "").parent().unwrap().to_owned();
    let (layout, manifest) = bench.build(&Package { assets: vec![asset(&folder, "/data")], ..on(&bench) }).unwrap();
    assert!(paths(&layout, &manifest.layers[1]).contains(&"data/y".to_owned()));
}

#[test]
fn what_an_upper_layer_of_the_base_removed_is_not_there() {
    let bench = Bench::new();
    base(
        &bench,
        &[&["etc/ssl/cert.pem", "etc/passwd", "etc/group", "tmp/"], &["etc/.wh.passwd", "etc/ssl/.wh..wh..opq"]],
    );
    let (layout, manifest) = bench.build(&on(&bench)).unwrap();
    assert_eq!(
        paths(&layout, &manifest.layers[2]),
        ["etc/", "etc/passwd", "etc/ssl/", "etc/ssl/certs/", "etc/ssl/certs/ca-certificates.crt"]
    );
    // The second time, from what the cache says of the layers.
    let (_, again) = bench.build(&on(&bench)).unwrap();
    assert_eq!(manifest.digest, again.digest);
}

#[test]
fn a_file_over_a_folder_of_the_base_and_a_path_below_a_file_are_refused() {
    let bench = Bench::new();
    base(&bench, &[&["srv/", "srv/data"]]);
    let file = bench.write("file.txt", "");
    let message = bench.refused(&Package { assets: vec![asset(&file, "/srv")], ..on(&bench) });
    assert!(message.contains("has a folder at /srv"), "{message}");
    let message = bench.refused(&Package { assets: vec![asset(&file, "/srv/data/x")], ..on(&bench) });
    assert!(message.contains("/srv/data is a file there"), "{message}");
}

#[test]
fn a_base_that_is_corrupt_or_for_another_platform_is_refused() {
    let bench = Bench::new();
    let below = base(&bench, &[&["etc/"]]);
    let message = bench.build(&Package { platform: "linux/arm64".to_owned(), ..on(&bench) }).unwrap_err().to_string();
    assert!(message.contains("no image for linux/arm64, only for linux/amd64"), "{message}");

    let blob = bench.path("base/blobs/sha256").join(below.layers[0].digest.hex());
    let mut bytes = fs::read(&blob).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&blob, &bytes).unwrap();
    let message = bench.build(&on(&bench)).unwrap_err().to_string();
    assert!(message.contains("failed to use the base"), "{message}");
    assert!(message.contains(below.layers[0].digest.as_str()), "{message}");
    assert!(message.contains(Digest::of(&bytes).as_str()), "{message}");
    assert!(!bench.path("layout").exists());
}

/// Serves the base's layout as a registry does, as many requests as there are, and tells their paths.
fn serve(bench: &Bench) -> (String, thread::JoinHandle<Vec<String>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let host = listener.local_addr().unwrap().to_string();
    let blobs = bench.path("base/blobs/sha256");
    let thread = thread::spawn(move || {
        let mut asked = Vec::new();
        loop {
            let (mut stream, _) = listener.accept().unwrap();
            let mut lines = BufReader::new(stream.try_clone().unwrap()).lines().map_while(std::io::Result::ok);
            let path = lines.next().unwrap().split(' ').nth(1).unwrap().to_owned();
            lines.find(String::is_empty);
            if path == "/stop" {
                return asked;
            }
            let blob = fs::read(blobs.join(path.rsplit(':').next().unwrap())).unwrap_or_default();
            let kind = if path.contains("/manifests/") { media_type::MANIFEST } else { "application/octet-stream" };
            let status = if blob.is_empty() { "404 Not Found" } else { "200 OK" };
            let head = format!(
                "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                blob.len()
            );
            stream.write_all(head.as_bytes()).unwrap();
            stream.write_all(&blob).unwrap();
            asked.push(path);
        }
    });
    (host, thread)
}

fn stop(host: &str, thread: thread::JoinHandle<Vec<String>>) -> Vec<String> {
    std::net::TcpStream::connect(host).unwrap().write_all(b"GET /stop HTTP/1.1\r\n\r\n").unwrap();
    thread.join().unwrap()
}

#[test]
fn a_pinned_base_is_fetched_once_and_kept() {
    let bench = Bench::new();
    let below = base(&bench, &[&["etc/", "etc/ssl/cert.pem"]]);
    let (host, thread) = serve(&bench);
    let pinned = Package { base: Some(Base::Reference(format!("{host}/sample/base@{}", below.digest))), ..package() };
    let (layout, manifest) = bench.build(&pinned).unwrap();
    layout.verify(&manifest).unwrap();
    assert_eq!(manifest.layers[0], below.layers[0]);
    let (_, again) = bench.build(&pinned).unwrap();
    assert_eq!(again.digest, manifest.digest);
    let asked = stop(&host, thread);
    assert_eq!(asked.len(), 3, "manifest, configuration, layer, each once: {asked:?}");
}

#[test]
fn a_registry_that_answers_with_other_bytes_is_found_out() {
    let bench = Bench::new();
    let below = base(&bench, &[&["etc/"]]);
    let layer = &below.layers[0];
    let blob = bench.path("base/blobs/sha256").join(layer.digest.hex());
    let mut bytes = fs::read(&blob).unwrap();
    *bytes.last_mut().unwrap() ^= 1;
    fs::write(&blob, &bytes).unwrap();
    let (host, thread) = serve(&bench);
    let pinned = Package { base: Some(Base::Reference(format!("{host}/sample/base@{}", below.digest))), ..package() };
    let message = bench.build(&pinned).unwrap_err().to_string();
    stop(&host, thread);
    assert!(message.contains("failed to use the base"), "{message}");
    assert!(message.contains(layer.digest.as_str()), "{message}");
    assert!(message.contains(Digest::of(&bytes).as_str()), "{message}");
}

#[test]
fn a_file_counts_only_where_the_finished_image_has_it_from_its_own_layer() {
    let bench = Bench::new();
    let layers =
        [&["usr/bin/", "usr/bin/app", "usr/bin/gone", "usr/bin/kept"][..], &["usr/bin/app", "usr/bin/.wh.gone"]];
    let manifest = base(&bench, &layers);
    let layout = Layout::open(&bench.path("base")).unwrap();
    let ids = layers.map(|entries| Digest::of(&archive(entries)).to_string());
    let holds = |path: &str, id: &str| holds(&layout, &manifest, (Path::new(path), id), &Interrupt::default()).unwrap();
    assert!(holds("usr/bin/kept", &ids[0]));
    assert!(holds("/usr/bin/kept", &ids[0]));
    assert!(holds("usr/bin/app", &ids[1]));
    assert!(!holds("usr/bin/app", &ids[0]));
    assert!(!holds("usr/bin/gone", &ids[0]));
    assert!(!holds("usr/bin/kept", "sha256:of-another-image"));
}
