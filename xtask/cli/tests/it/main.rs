//! The whole program in other people's workspaces, which tests/workspaces has in miniature.

mod handover;
mod init;
mod miniature;
