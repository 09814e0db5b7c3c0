//! The scanner of a release, which may have to be fetched while the first image is built.

use std::sync::{Mutex, PoisonError};

use super::trivy::{self, Trivy};
use crate::config::{Config, Image};
use crate::event::Events;
use crate::failure::Result;
use crate::gate::{Report, Scanner};
use crate::interrupt::Interrupt;
use crate::tools;

/// The pinned trivy, which is not here yet.
pub(super) struct Coming<'a> {
    config: &'a Config,
    events: &'a Events,
    here: Mutex<Option<Trivy>>,
}

impl<'a> Coming<'a> {
    pub(super) fn new(config: &'a Config, events: &'a Events) -> Self {
        Self { config, events, here: Mutex::default() }
    }

    /// Fetched by whoever comes first; the others wait for it.
    fn trivy(&self, interrupt: &Interrupt) -> Result<Trivy> {
        let mut here = self.here.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(trivy) = &*here {
            return Ok(trivy.clone());
        }
        let trivy = find_trivy(self.config, self.events, interrupt)?;
        Ok(here.insert(trivy).clone())
    }
}

impl Scanner for Coming<'_> {
    fn name(&self) -> String {
        let pinned = self.config.scan.trivy.as_ref();
        pinned.map_or("trivy".to_owned(), |pin| trivy::named(&pin.version))
    }

    fn prepare(&self, interrupt: &Interrupt) -> anyhow::Result<()> {
        self.trivy(interrupt)?.prepare(interrupt)
    }

    fn at_once(&self, limit: usize) -> usize {
        limit
    }

    fn sbom(&self, folder: &std::path::Path, interrupt: &Interrupt) -> anyhow::Result<Option<Vec<u8>>> {
        self.trivy(interrupt)?.sbom(folder, interrupt)
    }

    fn scan(&self, image: &Image, folder: &std::path::Path, interrupt: &Interrupt) -> anyhow::Result<Report> {
        self.trivy(interrupt)?.scan(image, folder, interrupt)
    }
}

/// The pinned trivy, fetched where it is not here, or the one in PATH.
pub(crate) fn find_trivy(config: &Config, events: &Events, interrupt: &Interrupt) -> Result<Trivy> {
    let program = tools::trivy_program(config.scan.trivy.as_ref(), &config.target, events, interrupt)?;
    Ok(Trivy::probe(&program, &config.scan, interrupt)?.with_database(&config.target))
}

/// How many scans go on at once where the configuration leaves it open: what a scan of a large image was seen to hold is
/// half of this.
const MEMORY_OF_A_SCAN: u64 = 1 << 30;
/// More would wait for one disk.
const MOST_AT_ONCE: usize = 4;

/// As many scans as there are cores, and as memory is free for.
pub(super) fn at_once() -> usize {
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get);
    let free = std::fs::read_to_string("/proc/meminfo").ok().and_then(|text| available(&text));
    fit(cores, free)
}

fn fit(cores: usize, free: Option<u64>) -> usize {
    let memory = free.map_or(cores, |free| usize::try_from(free / MEMORY_OF_A_SCAN).unwrap_or(usize::MAX));
    cores.min(memory).clamp(1, MOST_AT_ONCE)
}

/// Source: proc_meminfo(5), `MemAvailable`, in KiB.
fn available(text: &str) -> Option<u64> {
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"))?;
    Some(line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()? * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_more_scans_go_on_at_once_than_cores_and_memory_allow() {
        let free = available("MemTotal:  8000000 kB\nMemAvailable:    3145728 kB\nBuffers: 1 kB\n");
        assert_eq!(free, Some(3 << 30));
        assert_eq!(fit(8, free), 3);
        assert_eq!(fit(2, free), 2);
        assert_eq!(fit(2, Some(0)), 1, "one there always is");
        assert_eq!(fit(64, Some(1 << 40)), MOST_AT_ONCE);
        assert_eq!(fit(2, None), 2);
        assert_eq!(available("MemAvailable: much"), None);
    }
}
