//! Work that is done beside other work and ends before it does, on threads. The standard library compiles a thread, and the
//! scope that it lives in, anew for every closure: here all of them are of one type. Who panics on such a thread panics here.

use std::thread::{self, JoinHandle};

use crate::gather::Gather as _;

/// What one thread does.
pub(crate) type Work<'a> = Box<dyn FnOnce() + Send + 'a>;

/// Does both at once; the first has a thread of its own.
pub(crate) fn both<A: Send, B>(first: impl FnOnce() -> A + Send, second: impl FnOnce() -> B) -> (A, B) {
    let (mut one, mut other) = (None, None);
    beside(vec![Box::new(|| one = Some(first()))], Box::new(|| other = Some(second())));
    one.zip(other).expect("both have ended")
}

/// Does each at once with the others, on a thread of its own. What they come to has their order.
pub(crate) fn all<T: Send>(works: Vec<impl FnOnce() -> T + Send>) -> Vec<T> {
    let mut done: Vec<Option<T>> = works.iter().map(|_| None).gather();
    let mut all: Vec<Work<'_>> = Vec::new();
    for (place, work) in done.iter_mut().zip(works) {
        all.push(Box::new(move || *place = Some(work())));
    }
    beside(all, Box::new(|| {}));
    done.into_iter().flatten().gather()
}

/// Does all of this, the last of it on the thread that asks.
pub(crate) fn beside(others: Vec<Work<'_>>, own: Box<dyn FnOnce() + '_>) {
    thread::scope(|scope| {
        for work in others {
            scope.spawn(work);
        }
        own();
    });
}

/// Does this on a thread that nobody has to wait for.
pub(crate) fn apart(work: impl FnOnce() + Send + 'static) -> JoinHandle<()> {
    let work: Work<'static> = Box::new(work);
    thread::spawn(work)
}

#[cfg(test)]
mod tests {
    use std::sync::Barrier;

    use super::*;

    #[test]
    fn what_is_done_at_once_comes_back_in_its_order() {
        let meet = Barrier::new(3);
        let work = |number: usize| {
            let meet = &meet;
            move || {
                meet.wait();
                number
            }
        };
        assert_eq!(all(vec![work(1), work(2), work(3)]), [1, 2, 3]);
        let meet = Barrier::new(2);
        let both = both(|| meet.wait().is_leader(), || meet.wait().is_leader());
        assert_ne!(both.0, both.1);
    }

    #[test]
    fn who_panics_beside_is_not_swallowed() {
        let caught = std::panic::catch_unwind(|| both(|| panic!("a bug"), || ()));
        assert!(caught.is_err());
    }
}
