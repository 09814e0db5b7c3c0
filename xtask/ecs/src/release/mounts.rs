//! Which repository has which blobs, as far as a release brings them there: a base that several images have is sent once,
//! and mounted from there into the others' repositories.

use std::sync::{Condvar, Mutex, PoisonError};

use crate::digest::Digest;
use crate::gather::Gather;
use crate::interrupt::Interrupt;
use crate::reference::Repository;
use crate::time;

#[derive(Default)]
pub(super) struct Mounts {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    brought: Vec<Brought>,
    /// The registry was asked to mount and did not.
    in_vain: bool,
}

/// The blobs of one image on its way.
struct Brought {
    place: usize,
    repository: Repository,
    digests: Vec<Digest>,
    fate: Fate,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    OnItsWay,
    /// Its tag is there: only what an image names can be read by others.
    There,
    Never,
}

impl Mounts {
    /// The image at this place of the release has these blobs.
    pub(super) fn bring(&self, place: usize, repository: &Repository, digests: Vec<Digest>) {
        let one = Brought { place, repository: repository.clone(), digests, fate: Fate::OnItsWay };
        self.change(|state| state.brought.push(one));
    }

    pub(super) fn is_there(&self, place: usize) {
        self.settle(place, Fate::There);
    }

    pub(super) fn never_comes(&self, place: usize) {
        self.settle(place, Fate::Never);
    }

    /// The registry mounts nothing, so that nobody need wait for what it could have mounted.
    pub(super) fn are_in_vain(&self) {
        self.change(|state| state.in_vain = true);
    }

    /// Whether an image before this one brings the blob to another repository.
    pub(super) fn may_have(&self, place: usize, repository: &Repository, blob: &Digest) -> bool {
        let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        !state.in_vain
            && state.before(place, repository).any(|one| one.fate != Fate::Never && one.digests.contains(blob))
    }

    /// Waits until all that comes before this image is there or never will be, and says where its blobs are: nowhere, where
    /// the registry mounts nothing or it is to stop.
    pub(super) fn wait(&self, place: usize, repository: &Repository, stop: &Interrupt) -> Vec<(Digest, Repository)> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        while !state.in_vain && !stop.is_set() && state.before(place, repository).any(|one| one.fate == Fate::OnItsWay)
        {
            state = time::changed(&self.changed, &self.state, state);
        }
        if state.in_vain {
            return Vec::new();
        }
        let there = state.before(place, repository).filter(|one| one.fate == Fate::There);
        there.flat_map(|one| one.digests.iter().map(|digest| (digest.clone(), one.repository.clone()))).gather()
    }

    fn settle(&self, place: usize, fate: Fate) {
        self.change(|state| {
            state.brought.iter_mut().filter(|one| one.place == place).for_each(|one| one.fate = fate);
        });
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner));
        time::say(&self.changed);
    }
}

impl State {
    fn before<'a>(&'a self, place: usize, repository: &'a Repository) -> impl Iterator<Item = &'a Brought> {
        self.brought.iter().filter(move |one| one.place < place && one.repository != *repository)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_blob_is_mounted_from_what_is_there_and_nobody_waits_for_what_never_comes() {
        let (mounts, go_on) = (Mounts::default(), Interrupt::default());
        let repository = |name: &str| -> Repository { name.parse().expect("a name") };
        let base = Digest::of(b"base");
        mounts.bring(0, &repository("sample/a"), vec![base.clone()]);
        mounts.bring(1, &repository("sample/b"), vec![base.clone(), Digest::of(b"own")]);
        assert!(mounts.may_have(1, &repository("sample/b"), &base));
        assert!(!mounts.may_have(0, &repository("sample/a"), &base), "nothing comes before the first");
        assert!(!mounts.may_have(1, &repository("sample/b"), &Digest::of(b"own")));
        assert!(!mounts.may_have(2, &repository("sample/b"), &Digest::of(b"own")), "it is in that repository itself");
        mounts.is_there(0);
        mounts.never_comes(1);
        assert_eq!(mounts.wait(2, &repository("sample/c"), &go_on), [(base.clone(), repository("sample/a"))]);
        mounts.are_in_vain();
        assert!(mounts.wait(2, &repository("sample/c"), &go_on).is_empty());
        assert!(!mounts.may_have(2, &repository("sample/c"), &base));
    }
}
