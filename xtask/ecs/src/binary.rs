//! A package's binary, static and with its dependency list inside, compiled by cargo.
