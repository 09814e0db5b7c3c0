//! GitHub Actions: groups, annotations, outputs, the step summary.
