//! A library of the same face.

use std::ffi::OsString;
use std::process::ExitCode;

/// As the library's.
#[derive(Default)]
pub struct Xtask;

impl Xtask {
    /// Anew.
    pub fn new() -> Self {
        Self
    }

    /// The same by another name.
    #[must_use]
    pub fn called(self, _: &str) -> Self {
        self
    }

    /// Says that it runs.
    pub fn run(self) -> ExitCode {
        self.run_from(std::env::args_os())
    }

    /// The same with other words.
    pub fn run_from(self, words: impl IntoIterator<Item = impl Into<OsString>>) -> ExitCode {
        let words: Vec<String> = words.into_iter().skip(1).map(|word| word.into().to_string_lossy().into_owned()).collect();
        println!("the library runs: {}", words.join(" "));
        ExitCode::SUCCESS
    }
}
