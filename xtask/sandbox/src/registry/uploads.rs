//! Blobs on their way in: POST, then PATCH as often as wanted, then PUT.

use std::sync::Arc;

use http_body_util::BodyExt;
use hyper::body::Incoming;
use serde_json::json;

use super::{Exchange, Outcome, Refusal, Stop, empty, reply};
use crate::ecr::names::is_digest;
use crate::ecr::{Ecr, Mark, Upload, server_error};
use crate::home::Home;
use crate::http::{Cut, drain};
use crate::world::World;

/// An upload taken out while bytes arrive. Dropped before [`Lease::keep`], it forgets them: a part that did not arrive
/// whole is not stored.
struct Lease {
    world: Arc<World>,
    home: Home,
    id: String,
    upload: Option<Upload>,
    mark: Option<Mark>,
}

impl Lease {
    fn take(exchange: &Exchange<'_>, name: &str, id: &str) -> Result<Self, Stop> {
        let upload = exchange.world.lock().ecr_of(&exchange.home).take_upload(name, id)?;
        let mark = Some(upload.mark());
        Ok(Self {
            world: Arc::clone(exchange.world),
            home: exchange.home.clone(),
            id: id.to_owned(),
            upload: Some(upload),
            mark,
        })
    }

    fn upload(&mut self) -> &mut Upload {
        self.upload.as_mut().expect("it is here until it is given back")
    }

    /// What arrived is a part.
    fn keep(&mut self) {
        if let (Some(upload), Some(mark)) = (&mut self.upload, self.mark.take())
            && upload.size() > mark.size()
        {
            upload.end_part(&mark);
        }
    }

    fn into_upload(mut self) -> Upload {
        self.upload.take().expect("it is here until it is given back")
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        let Some(mut upload) = self.upload.take() else { return };
        let whole = match self.mark.take() {
            Some(mark) => upload.rewind(mark).is_ok(),
            None => true,
        };
        // An upload that cannot go back is of no use to anybody.
        if whole {
            self.world.lock().ecr_of(&self.home).return_upload(&self.id, upload);
        }
    }
}

pub(super) fn post(exchange: &mut Exchange, name: &str) -> Outcome {
    {
        let mut state = exchange.world.lock();
        let now = state.now();
        state.ecr_of(&exchange.home).create_on_push(name, now)?;
    }
    if let (Some(digest), Some(from)) = (exchange.parameter("mount"), exchange.parameter("from"))
        && mount(exchange, name, &digest, &from)?
    {
        exchange.note["reference"] = json!(digest);
        exchange.note["mounted"] = json!(from);
        return empty(
            reply(201)
                .header("location", format!("{}/v2/{name}/blobs/{digest}", exchange.base()))
                .header("docker-content-digest", digest)
                .header("content-length", "0"),
        );
    }
    // What cannot be mounted, and `digest`, are answered with an ordinary upload, as the specification allows.
    let id = {
        let mut state = exchange.world.lock();
        state.ecr_of(&exchange.home).begin_upload(name)?
    };
    exchange.note["uploadId"] = json!(id);
    empty(
        reply(202)
            .header("location", location(exchange, name, &id))
            .header("docker-upload-uuid", &id)
            .header("range", "0-0")
            .header("content-length", "0"),
    )
}

/// Hands a layer from one repository to another, where the account mounts and a pull of it from there would go well.
/// Sources: OCI distribution specification 1.1, Mounting a blob from another repository; Amazon ECR User Guide, Blob mounting.
fn mount(exchange: &Exchange<'_>, name: &str, digest: &str, from: &str) -> Result<bool, Stop> {
    let mut state = exchange.world.lock();
    let now = state.now();
    let ecr = state.ecr_of(&exchange.home);
    if !ecr.mounts_blobs() {
        return Ok(false);
    }
    let Ok(layer) = ecr.pullable(from, digest, now) else { return Ok(false) };
    ecr.repository_mut(name)?.layers.insert(digest.to_owned(), layer);
    Ok(true)
}

pub(super) async fn patch(exchange: Exchange<'_>, name: &str, id: &str, body: Incoming) -> Outcome {
    let mut lease = match Lease::take(&exchange, name, id) {
        Ok(lease) => lease,
        Err(stop) => return after_body(body, stop).await,
    };
    let before = lease.upload().size();
    let begins = exchange.header("content-range").and_then(|range| range.split('-').next()?.trim().parse::<u64>().ok());
    if begins.is_some_and(|begins| begins != before) {
        drain(body).await?;
        let range = format!("0-{}", before.saturating_sub(1));
        return empty(reply(416).header("range", range).header("location", location(&exchange, name, id)));
    }
    let bytes = receive(body, lease.upload(), exchange.corrupt).await?;
    exchange.note["bytes"] = json!(bytes);
    lease.keep();
    let size = if exchange.stale_range { before } else { lease.upload().size() };
    // ECR answers 201 where the specification says 202.
    empty(
        reply(201)
            .header("location", location(&exchange, name, id))
            .header("docker-upload-uuid", id)
            .header("range", format!("0-{}", size.saturating_sub(1)))
            .header("content-length", "0"),
    )
}

pub(super) async fn put(exchange: Exchange<'_>, name: &str, id: &str, body: Incoming) -> Outcome {
    let digest = exchange.parameter("digest").unwrap_or_default();
    exchange.note["reference"] = json!(digest);
    if !is_digest(&digest) {
        let message = format!("'{digest}' is no sha256 digest");
        return after_body(body, Refusal::new(400, "DIGEST_INVALID", message).into()).await;
    }
    let mut lease = match Lease::take(&exchange, name, id) {
        Ok(lease) => lease,
        Err(stop) => return after_body(body, stop).await,
    };
    let bytes = receive(body, lease.upload(), exchange.corrupt).await?;
    exchange.note["bytes"] = json!(bytes);
    lease.keep();

    let mut state = exchange.world.lock();
    let acceptable = state.ecr_of(&exchange.home).acceptable(lease.upload(), &digest);
    let upload = lease.into_upload();
    match acceptable {
        // Sending a layer again is no error here, other than in the JSON API.
        Err(error) if error.code != "LayerAlreadyExistsException" => {
            Ecr::discard_upload(upload).map_err(|error| server_error(&error))?;
            return Err(error.into());
        }
        _ => drop(state.ecr_of(&exchange.home).finish_upload(upload)?),
    }
    drop(state);
    empty(
        reply(201)
            .header("location", format!("{}/v2/{name}/blobs/{digest}", exchange.base()))
            .header("docker-content-digest", digest)
            .header("content-length", "0"),
    )
}

pub(super) fn status(exchange: &Exchange, name: &str, id: &str) -> Outcome {
    let mut lease = Lease::take(exchange, name, id)?;
    let last = lease.upload().size().saturating_sub(1);
    empty(
        reply(204)
            .header("location", location(exchange, name, id))
            .header("docker-upload-uuid", id)
            .header("range", format!("0-{last}")),
    )
}

pub(super) fn cancel(exchange: &Exchange, name: &str, id: &str) -> Outcome {
    let upload = Lease::take(exchange, name, id)?.into_upload();
    Ecr::discard_upload(upload).map_err(|error| server_error(&error))?;
    empty(reply(204))
}

fn location(exchange: &Exchange, name: &str, id: &str) -> String {
    format!("{}/v2/{name}/blobs/uploads/{id}", exchange.base())
}

async fn after_body(body: Incoming, stop: Stop) -> Outcome {
    drain(body).await?;
    Err(stop)
}

/// Hashes and writes what arrives, as it arrives: memory stays what one read takes.
async fn receive(mut body: Incoming, upload: &mut Upload, corrupt: bool) -> Result<u64, Stop> {
    let (mut received, mut corrupt) = (0, corrupt);
    while let Some(frame) = body.frame().await {
        let Ok(data) = frame.map_err(|_| Cut)?.into_data() else { continue };
        received += data.len() as u64;
        let stored = if corrupt && !data.is_empty() {
            corrupt = false;
            let mut changed = data.to_vec();
            changed[0] ^= 1;
            upload.append(&changed)
        } else {
            upload.append(&data)
        };
        if let Err(error) = stored {
            drain(body).await?;
            return Err(server_error(&error).into());
        }
    }
    Ok(received)
}
