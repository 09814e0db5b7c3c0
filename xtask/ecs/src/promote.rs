//! The promotion: what is released in one environment, copied by digest to the registry of another.
//!
//! Nothing is built or scanned. The tag of the target is put for a [`Tagged`](crate::aws::ecr::Tagged): the very bytes that
//! the source has under it, read back from there.

mod copy;
mod plan;
mod replicated;

use serde::Serialize;

use crate::aws::Session;
use crate::aws::ecr::Ecr;
use crate::config::{By, Config, Image};
use crate::digest::Digest;
use crate::event::{Event, Events, Step};
use crate::failure::Result;
use crate::interrupt::Interrupt;
use crate::oci::registry::Registry;
use crate::reference::{Pinned, Reference};
use crate::stage::Ended;
pub(crate) use plan::PromotionPlan;

/// An image whose tag is in the target's registry, with what it has in the source's.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Promoted {
    pub image: String,
    pub tag: String,
    pub digest: Digest,
    /// `REGISTRY/REPOSITORY@sha256:…`, in the target.
    pub reference: Pinned,
    /// `REGISTRY/REPOSITORY:TAG`, in the source.
    pub from: String,
    /// False where the tag was there before.
    pub new: bool,
    pub sent: Sent,
}

/// What the target lacked.
#[derive(Clone, Copy, Debug, Default, Serialize)]
pub(crate) struct Sent {
    pub blobs: usize,
    pub bytes: u64,
    /// What is attached to the image: signatures, lists of contents, provenance.
    pub evidence: usize,
}

/// One environment, spoken to with its own credentials.
pub(crate) struct Side<'a> {
    config: &'a Config,
    ecr: Ecr,
    registry: Registry,
}

impl<'a> Side<'a> {
    pub(crate) fn new(config: &'a Config, session: &Session) -> Self {
        let ecr = session.ecr();
        let registry = Registry::new(&config.registry, Some(std::sync::Arc::new(ecr.clone())));
        Self { config, ecr, registry }
    }

    fn name(&self) -> &'a str {
        self.config.environment.as_deref().unwrap_or_default()
    }
}

/// The promotion from one environment to another.
pub(crate) struct Promotions<'a> {
    pub(crate) from: Side<'a>,
    pub(crate) to: Side<'a>,
    pub(crate) events: &'a Events,
    pub(crate) interrupt: &'a Interrupt,
}

/// An image, where it is to come from, and what that has.
struct Wanted<'a> {
    image: &'a Image,
    from: Reference,
    digest: Digest,
    /// Whether the target lacks it.
    new: bool,
}

impl<'a> Promotions<'a> {
    /// Finds out what a promotion of these images would do, all of them for no name, and does nothing.
    ///
    /// Fails with every problem at once: a name that is unknown, a tag that the source does not have (exit 8), or that the
    /// target has with other content (exit 8).
    pub(crate) fn plan(&self, names: &[String]) -> Result<PromotionPlan<'a>> {
        plan::plan(self, names)
    }

    /// Copies each image that the target does not have, in order. The tag comes last, so that whatever ends this early
    /// leaves none; a re-run sends what is missing by then.
    pub(crate) fn run(&self, plan: &PromotionPlan<'_>) -> Ended<Vec<Promoted>> {
        let mut done = Vec::new();
        let result = plan.images.iter().try_for_each(|wanted| {
            done.push(self.promote(wanted)?);
            Ok(())
        });
        Ended { done, result }
    }

    fn promote(&self, wanted: &Wanted<'_>) -> Result<Promoted> {
        let Wanted { image, from, digest, new } = wanted;
        let bring = match self.to.config.promotion.by {
            By::Copy => copy::copy,
            By::Replication => replicated::wait,
        };
        let sent =
            if *new { self.events.step(Step::Promote, &image.name, || bring(self, wanted))? } else { Sent::default() };
        let pinned = image.reference.pin(digest.clone());
        self.events.emit(Event::ImageReleased {
            image: image.name.clone(),
            reference: image.reference.to_string(),
            pinned: pinned.to_string(),
            digest: digest.clone(),
            new: *new,
            from: Some(from.to_string()),
        });
        Ok(Promoted {
            image: image.name.clone(),
            tag: image.tag().to_string(),
            digest: digest.clone(),
            reference: pinned,
            from: from.to_string(),
            new: *new,
            sent,
        })
    }
}
