//! What several readings of one file find wrong.

use crate::failure::Fault;
use crate::gather::Gather;

/// What is wrong, each once, and in how many environments.
#[derive(Default)]
pub(super) struct Faults(Vec<(Fault, Vec<String>)>);

impl Faults {
    pub(super) fn of_all(&mut self, faults: Vec<Fault>) {
        self.0.extend(faults.into_iter().map(|fault| (fault, Vec::new())));
    }

    pub(super) fn of_one(&mut self, environment: Option<&str>, faults: Vec<Fault>) {
        for fault in faults {
            let name = environment.map(str::to_owned);
            match self.0.iter_mut().find(|(known, _)| *known == fault) {
                Some((_, names)) => names.extend(name),
                None => self.0.push((fault, name.into_iter().gather())),
            }
        }
    }

    /// One that not every environment has says where it is.
    pub(super) fn told(self, environments: usize) -> Vec<Fault> {
        let told = self.0.into_iter().map(|(mut fault, mut names)| {
            names.dedup();
            if !names.is_empty() && names.len() < environments {
                fault.help.push(format!("this is so in the environment `{}`", names.join("`, `")));
            }
            fault
        });
        told.gather()
    }
}
