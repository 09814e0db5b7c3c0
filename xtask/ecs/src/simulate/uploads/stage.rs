//! A registry as a world has it, and the machines that push to it.

use std::fmt::Write as _;
use std::io::Write as _;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use hyper::{Request, Response};
use serde_json::{Value, json};
use tempfile::TempDir;
use xtask_sandbox::{Account, Clock, Options, Sandbox, Site, operation_of};

use super::wire::Wire;
use super::world::{Image, Kind, Slip, Slipped, World};
use crate::aws::{Answers, Endpoint};
use crate::failure::{Failure, Result};
use crate::oci::layout::{Descriptor, LayoutWriter, media_type};
use crate::release::Order;
use crate::simulate::dice::Dice;
use crate::simulate::stage::must;

pub(super) const TAG: &str = "1.0";
const REGION: &str = "ap-northeast-1";
/// Where images come from, and where a promotion brings them.
const ACCOUNTS: [&str; 2] = ["123456789012", "222222222222"];
const OTHER_KEY: &str = "AKIA2222222222222222";

/// The registry of the accounts of a world.
pub(super) struct Stage {
    pub sandbox: Arc<Sandbox>,
    kind: Kind,
}

/// A configuration and its endpoint.
pub(super) struct Place {
    pub folder: TempDir,
    pub endpoint: Endpoint,
}

impl Stage {
    pub(super) fn furnished(world: &World) -> Result<Self> {
        let accounts =
            vec![Account { id: ACCOUNTS[1].to_owned(), access_key: OTHER_KEY.to_owned(), roles: Vec::new() }];
        let options = Options { clock: Clock::Manual, accounts, ..Options::default() };
        let sandbox = Sandbox::start(options).map_err(|error| Failure::world(format_args!("no sandbox: {error}")))?;
        let stage = Self { sandbox: Arc::new(sandbox), kind: world.kind };
        for image in &world.images {
            for (account, repository) in [(0, from(image)), (1, to(image))] {
                must(stage.site(account).ecr(
                    "CreateRepository",
                    json!({ "repositoryName": repository, "imageTagMutability": "IMMUTABLE" }),
                ))?;
            }
            if world.kind == Kind::Promotion {
                stage.release(image)?;
            }
        }
        if world.mounts {
            let setting = json!({ "name": "BLOB_MOUNTING", "value": "ENABLED" });
            for account in [0, 1] {
                must(stage.site(account).ecr("PutAccountSetting", setting.clone()))?;
            }
        }
        Ok(stage)
    }

    fn site(&self, account: usize) -> Site<'_> {
        self.sandbox.site(ACCOUNTS[account], REGION)
    }

    /// Where tags are put, and of each image in which repository.
    pub(super) fn target(&self) -> Site<'_> {
        self.site(usize::from(self.kind == Kind::Promotion))
    }

    pub(super) fn repository(&self, image: &Image) -> String {
        if self.kind == Kind::Promotion { to(image) } else { from(image) }
    }

    /// What the source of a promotion has: the digest under the tag.
    pub(super) fn source(&self, image: &Image) -> (Site<'_>, String) {
        (self.site(0), from(image))
    }

    /// Puts what is promoted into its source, by the API.
    fn release(&self, image: &Image) -> Result<()> {
        let (site, repository) = self.source(image);
        let put = |tag: Option<&str>, document: &Value| -> Result<Value> {
            let text = document.to_string();
            let mut input = json!({ "repositoryName": repository, "imageManifest": text });
            if let Some(tag) = tag {
                input["imageTag"] = json!(tag);
            }
            let answer = must(site.ecr("PutImage", input))?;
            let digest = &answer["image"]["imageId"]["imageDigest"];
            Ok(json!({ "mediaType": document["mediaType"], "digest": digest, "size": text.len() }))
        };
        let blob = |kind: &str, bytes: &[u8]| -> Result<Value> {
            let digest = site.store(&repository, bytes).map_err(|error| Failure::world(error.message))?;
            Ok(json!({ "mediaType": kind, "digest": digest, "size": bytes.len() }))
        };
        let mut manifests = Vec::new();
        for platform in &image.platforms {
            let layers: Result<Vec<Value>> =
                layers(image, platform, false).iter().map(|bytes| blob(media_type::LAYER_GZIP, bytes)).collect();
            let manifest = json!({ "schemaVersion": 2, "mediaType": media_type::MANIFEST,
                "config": blob(media_type::CONFIG, config(platform).as_bytes())?, "layers": layers? });
            manifests.push((platform, manifest));
        }
        let tagged = if let [(_, manifest)] = &manifests[..] {
            put(Some(TAG), manifest)?
        } else {
            let mut entries = Vec::new();
            for (platform, manifest) in &manifests {
                let mut entry = put(None, manifest)?;
                let (os, architecture) = platform.split_once('/').unwrap_or_default();
                entry["platform"] = json!({ "os": os, "architecture": architecture });
                entries.push(entry);
            }
            put(Some(TAG), &json!({ "schemaVersion": 2, "mediaType": media_type::INDEX, "manifests": entries }))?
        };
        for number in 0..image.attached {
            let empty = blob("application/vnd.oci.empty.v1+json", b"{}")?;
            let text = blob("text/plain", format!("document {number}").as_bytes())?;
            put(
                None,
                &json!({ "schemaVersion": 2, "mediaType": media_type::MANIFEST, "artifactType": "text/plain",
                "config": empty, "layers": [text], "subject": tagged }),
            )?;
        }
        Ok(())
    }

    /// A folder with the configuration of an account, whose registry is reached at this address.
    pub(super) fn place(&self, world: &World, account: usize, registry: &str) -> Result<Place> {
        let folder = tempfile::tempdir().map_err(anyhow::Error::new)?;
        let mut toml = format!(
            "[workspace]\nmembers = []\n[workspace.metadata.xtask]\naccount = \"{}\"\nregion = \"{REGION}\"\n\
             evidence = [\"verdict\", \"provenance\"]\n",
            ACCOUNTS[account]
        );
        for image in &world.images {
            let repository = if account == 1 { to(image) } else { from(image) };
            let _ = write!(
                toml,
                "[workspace.metadata.xtask.images.{}]\nrepository = \"{repository}\"\ntag = \"{TAG}\"\n\
                 builder = \"seeded\"\nplatforms = {:?}\n",
                image.name, image.platforms
            );
        }
        std::fs::write(folder.path().join("Cargo.toml"), toml).map_err(anyhow::Error::new)?;
        let environment: std::collections::BTreeMap<_, _> = self.sandbox.environment().into_iter().collect();
        let own = environment["AWS_ACCESS_KEY_ID"].clone();
        let endpoint = Endpoint {
            url: format!("http://{registry}"),
            access_key_id: if account == 1 { OTHER_KEY.to_owned() } else { own },
            secret_access_key: environment["AWS_SECRET_ACCESS_KEY"].clone(),
        };
        Ok(Place { folder, endpoint })
    }
}

fn from(image: &Image) -> String {
    format!("sample/{}", image.name)
}

fn to(image: &Image) -> String {
    format!("live/{}", image.name)
}

fn config(platform: &str) -> String {
    let (os, architecture) = platform.split_once('/').unwrap_or_default();
    json!({ "os": os, "architecture": architecture, "config": {}, "rootfs": { "type": "layers", "diff_ids": [] } })
        .to_string()
}

/// The bytes of each layer: those of every platform, one of its own, and one more where it is built of something else.
pub(super) fn layers(image: &Image, platform: &str, other: bool) -> Vec<Vec<u8>> {
    let bytes = |(size, what): &(usize, u64)| {
        let mut dice = Dice::new(*what);
        (0..size.div_ceil(8)).flat_map(|_| dice.number().to_le_bytes()).take(*size).collect()
    };
    let mut layers: Vec<Vec<u8>> = image.layers.iter().map(bytes).collect();
    layers.push(platform.as_bytes().to_vec());
    layers.extend(other.then(|| b"built of something else".to_vec()));
    layers
}

/// Builds an image, as a builder of the repository's own does.
pub(super) fn build(images: &[Image], order: &Order<'_>, other: bool) -> anyhow::Result<()> {
    let Order { image, into, .. } = order;
    let wanted = images.iter().find(|it| from(it) == image.repository().as_str());
    let wanted = wanted.expect("the configuration has the images of the world");
    let writer = LayoutWriter::create(into)?;
    let config = writer.add_bytes(media_type::CONFIG, config(image.platform()).as_bytes())?;
    let mut written: Vec<Descriptor> = Vec::new();
    for bytes in layers(wanted, image.platform(), other) {
        let mut blob = writer.add_stream(media_type::LAYER_GZIP)?;
        blob.write_all(&bytes)?;
        written.push(blob.finish()?);
    }
    let manifest =
        json!({ "schemaVersion": 2, "mediaType": media_type::MANIFEST, "config": config, "layers": written });
    writer.finish(manifest.to_string().into_bytes(), image.platform()).map(drop)
}

impl Answers for Desk {
    fn way(&self, request: &Request<Bytes>) -> Duration {
        self.wire.way(&operation_of(request), &String::from_utf8_lossy(request.body()))
    }

    fn answer(&self, request: Request<Bytes>) -> (Duration, Option<Response<Bytes>>) {
        (Duration::ZERO, self.said(&request))
    }
}

/// What ECR's API is asked, and what comes of that.
pub(super) struct Desk {
    sandbox: Arc<Sandbox>,
    slips: Vec<Slip>,
    met: Mutex<Vec<u32>>,
    calm: AtomicBool,
    wire: Arc<Wire>,
}

impl Desk {
    pub(super) fn new(sandbox: &Arc<Sandbox>, slips: &[Slip], wire: &Arc<Wire>) -> Arc<Self> {
        let met = Mutex::new(vec![0; slips.len()]);
        let calm = AtomicBool::new(false);
        Arc::new(Self { sandbox: Arc::clone(sandbox), slips: slips.to_vec(), met, calm, wire: Arc::clone(wire) })
    }

    pub(super) fn calm(&self) {
        self.calm.store(true, Ordering::SeqCst);
    }

    fn said(&self, request: &Request<Bytes>) -> Option<Response<Bytes>> {
        if self.wire.is_cut() {
            return None;
        }
        let ask = || self.sandbox.exchange(request.clone()).1;
        match self.strike(&operation_of(request)) {
            None => ask(),
            Some(Slipped::Error(status, code)) => {
                let body = json!({ "__type": code, "message": "injected" }).to_string();
                Response::builder().status(status).body(body.into()).ok()
            }
            Some(Slipped::ResetBefore) => None,
            Some(Slipped::ResetAfter) => {
                ask();
                None
            }
            Some(Slipped::Half) => ask().map(|answer| answer.map(|body| body.slice(..body.len() / 2))),
            Some(Slipped::Foreign) => Some(Response::new(Bytes::from_static(b"<html><body>Log in</body></html>"))),
            Some(Slipped::Twice) => {
                ask();
                ask()
            }
            Some(what) => {
                let said = if what == Slipped::AllThere { "AVAILABLE" } else { "UNAVAILABLE" };
                let asked: Value = serde_json::from_slice(request.body()).unwrap_or_default();
                let layers = asked["layerDigests"].as_array().into_iter().flatten();
                let layers: Vec<Value> =
                    layers.map(|digest| json!({ "layerDigest": digest, "layerAvailability": said })).collect();
                Some(Response::new(json!({ "layers": layers, "failures": [] }).to_string().into()))
            }
        }
    }

    fn strike(&self, call: &str) -> Option<Slipped> {
        if self.calm.load(Ordering::SeqCst) {
            return None;
        }
        let mut met = self.met.lock().unwrap_or_else(PoisonError::into_inner);
        let mut struck = None;
        for (slip, met) in self.slips.iter().zip(met.iter_mut()).filter(|(slip, _)| slip.call == call) {
            *met += 1;
            if slip.nth == 0 || slip.nth == *met {
                struck.get_or_insert(slip.how);
            }
        }
        struck
    }
}
