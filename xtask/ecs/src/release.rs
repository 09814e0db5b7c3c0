//! The release stage: plan, build, scan, push.
