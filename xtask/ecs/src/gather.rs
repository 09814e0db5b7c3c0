//! Sorted maps and sets of what an iterator gives.

/// For every iterator, beside `collect`.
///
/// `collect` sorts before it builds a map or a set, and each place that collects has a sort of its own compiled: that was
/// a tenth of what the compiler makes of this crate. What is gathered here is small, and put in piece by piece.
pub(crate) trait Gather: Iterator {
    fn gather<C: Default + Extend<Self::Item>>(self) -> C;
}

impl<I: Iterator> Gather for I {
    fn gather<C: Default + Extend<I::Item>>(self) -> C {
        let mut all = C::default();
        all.extend(self);
        all
    }
}
