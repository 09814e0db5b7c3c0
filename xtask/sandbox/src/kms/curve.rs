//! ECDSA of a digest that somebody else made, which no library here signs: P-256 and P-384, as KMS has them.
//!
//! Right, and neither fast nor safe to use where anybody could measure it: the keys are a sandbox's.
//! Sources: SEC 1, 4.1.3; SEC 2, 2.4.2 and 2.5.1; Explicit-Formulas Database, shortw/jacobian-3, dbl-2001-b and madd-2007-bl.

use ring::rand::{SecureRandom, SystemRandom};

/// The least significant word first.
type Number = [u64; WORDS];

const WORDS: usize = 6;
const ZERO: Number = [0; WORDS];
const ONE: Number = [1, 0, 0, 0, 0, 0];

/// One of the two curves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Curve {
    P256,
    P384,
}

/// A private number, and the point that goes with it.
#[derive(Clone, Debug)]
pub(super) struct Pair {
    curve: Curve,
    secret: Number,
    public: (Number, Number),
}

/// Numbers below an odd one, in Montgomery's form.
struct Field {
    modulus: Number,
    /// −1/modulus, modulo a word.
    inverted: u64,
    /// R, and its square.
    one: Number,
    square: Number,
}

/// In Jacobian coordinates; nothing where z is 0.
#[derive(Clone, Copy)]
struct Point {
    x: Number,
    y: Number,
    z: Number,
}

impl Curve {
    pub fn bytes(self) -> usize {
        match self {
            Self::P256 => 32,
            Self::P384 => 48,
        }
    }

    fn prime(self) -> Field {
        Field::below(match self {
            Self::P256 => number("ffffffff00000001000000000000000000000000ffffffffffffffffffffffff"),
            Self::P384 => number(
                "fffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffffeffffffff0000000000000000ffffffff",
            ),
        })
    }

    fn order(self) -> Field {
        Field::below(match self {
            Self::P256 => number("ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551"),
            Self::P384 => number(
                "ffffffffffffffffffffffffffffffffffffffffffffffffc7634d81f4372ddf581a0db248b0a77aecec196accc52973",
            ),
        })
    }

    fn base(self) -> (Number, Number) {
        match self {
            Self::P256 => (
                number("6b17d1f2e12c4247f8bce6e563a440f277037d812deb33a0f4a13945d898c296"),
                number("4fe342e2fe1a7f9b8ee7eb4a7c0f9e162bce33576b315ececbb6406837bf51f5"),
            ),
            Self::P384 => (
                number(
                    "aa87ca22be8b05378eb1c71ef320ad746e1d3b628ba79b9859f741e082542a385502f25dbf55296c3a545e3872760ab7",
                ),
                number(
                    "3617de4a96262c6f5d9e98bf9292dc29f8f41dbd289a147ce9da3113b5f0b8c00a60b1ce1d7e819d7a431d7c90ea0e5f",
                ),
            ),
        }
    }

    /// From 1 to below the order.
    fn chance(self) -> Number {
        let order = self.order();
        loop {
            let mut bytes = vec![0; self.bytes()];
            SystemRandom::new().fill(&mut bytes).expect("the system has randomness");
            let number = read(&bytes);
            if number != ZERO && less(&number, &order.modulus) {
                return number;
            }
        }
    }

    /// So many times the base point, as x and y.
    fn times(self, factor: &Number) -> (Number, Number) {
        let field = self.prime();
        let (x, y) = self.base();
        let base = (field.enter(&x), field.enter(&y));
        let mut point = Point { x: field.one, y: field.one, z: ZERO };
        for bit in (0..WORDS * 64).rev() {
            point = field.double(&point);
            if factor[bit / 64] >> (bit % 64) & 1 == 1 {
                point = field.add_base(&point, &base);
            }
        }
        let inverse = field.invert(&point.z);
        let square = field.times(&inverse, &inverse);
        let (x, y) = (field.times(&point.x, &square), field.times(&point.y, &field.times(&square, &inverse)));
        (field.leave(&x), field.leave(&y))
    }
}

impl Pair {
    pub fn new(curve: Curve) -> Self {
        let secret = curve.chance();
        Self { curve, secret, public: curve.times(&secret) }
    }

    /// The public point, uncompressed. Source: SEC 1, 2.3.3.
    pub fn point(&self) -> Vec<u8> {
        let size = self.curve.bytes();
        [vec![4], written(&self.public.0, size), written(&self.public.1, size)].concat()
    }

    /// The two numbers of a signature on a digest, as DER has them.
    pub fn sign(&self, digest: &[u8]) -> Vec<u8> {
        let order = self.curve.order();
        let digest = read(&digest[..digest.len().min(self.curve.bytes())]);
        loop {
            let once = self.curve.chance();
            let r = order.plus(&self.curve.times(&once).0, &ZERO);
            let private = order.times(&order.enter(&self.secret), &order.enter(&r));
            let sum = order.plus(&order.enter(&order.plus(&digest, &ZERO)), &private);
            let s = order.leave(&order.times(&sum, &order.invert(&order.enter(&once))));
            if r != ZERO && s != ZERO {
                let both = [integer(&r, self.curve.bytes()), integer(&s, self.curve.bytes())].concat();
                return [vec![0x30, u8::try_from(both.len()).expect("it is short")], both].concat();
            }
        }
    }
}

impl Field {
    fn below(modulus: Number) -> Self {
        let mut inverse = 1u64;
        for _ in 0..6 {
            inverse = inverse.wrapping_mul(2u64.wrapping_sub(modulus[0].wrapping_mul(inverse)));
        }
        let mut field = Self { modulus, inverted: inverse.wrapping_neg(), one: ONE, square: ONE };
        for _ in 0..WORDS * 64 {
            field.one = field.plus(&field.one, &field.one);
        }
        field.square = field.one;
        for _ in 0..WORDS * 64 {
            field.square = field.plus(&field.square, &field.square);
        }
        field
    }

    fn enter(&self, number: &Number) -> Number {
        self.times(number, &self.square)
    }

    fn leave(&self, number: &Number) -> Number {
        self.times(number, &ONE)
    }

    fn plus(&self, one: &Number, other: &Number) -> Number {
        let (sum, carry) = sum(one, other);
        if carry || !less(&sum, &self.modulus) { difference(&sum, &self.modulus).0 } else { sum }
    }

    fn minus(&self, one: &Number, other: &Number) -> Number {
        let (difference, borrow) = difference(one, other);
        if borrow { sum(&difference, &self.modulus).0 } else { difference }
    }

    /// Their product over R. Source: Koç, Acar, Kaliski, "Analyzing and comparing Montgomery multiplication algorithms", CIOS.
    fn times(&self, one: &Number, other: &Number) -> Number {
        let mut all = [0u64; WORDS + 2];
        for factor in other {
            let mut carry = 0;
            for (place, word) in one.iter().enumerate() {
                (all[place], carry) = step(all[place], *word, *factor, carry);
            }
            let (top, over) = all[WORDS].overflowing_add(carry);
            (all[WORDS], all[WORDS + 1]) = (top, u64::from(over));
            let factor = all[0].wrapping_mul(self.inverted);
            let (_, mut carry) = step(all[0], self.modulus[0], factor, 0);
            for place in 1..WORDS {
                (all[place - 1], carry) = step(all[place], self.modulus[place], factor, carry);
            }
            let (top, over) = all[WORDS].overflowing_add(carry);
            (all[WORDS - 1], all[WORDS]) = (top, all[WORDS + 1] + u64::from(over));
        }
        let low: Number = std::array::from_fn(|place| all[place]);
        if all[WORDS] > 0 || !less(&low, &self.modulus) { difference(&low, &self.modulus).0 } else { low }
    }

    /// By Fermat.
    fn invert(&self, number: &Number) -> Number {
        let exponent = difference(&self.modulus, &[2, 0, 0, 0, 0, 0]).0;
        let mut power = self.one;
        for bit in (0..WORDS * 64).rev() {
            power = self.times(&power, &power);
            if exponent[bit / 64] >> (bit % 64) & 1 == 1 {
                power = self.times(&power, number);
            }
        }
        power
    }

    fn twice(&self, number: &Number, times: usize) -> Number {
        (0..times).fold(*number, |number, _| self.plus(&number, &number))
    }

    fn double(&self, point: &Point) -> Point {
        let Point { x, y, z } = point;
        let (delta, gamma) = (self.times(z, z), self.times(y, y));
        let beta = self.times(x, &gamma);
        let alpha = self.times(&self.minus(x, &delta), &self.plus(x, &delta));
        let alpha = self.plus(&self.twice(&alpha, 1), &alpha);
        let both = self.plus(y, z);
        let new_x = self.minus(&self.times(&alpha, &alpha), &self.twice(&beta, 3));
        let new_z = self.minus(&self.minus(&self.times(&both, &both), &gamma), &delta);
        let slope = self.times(&alpha, &self.minus(&self.twice(&beta, 2), &new_x));
        let new_y = self.minus(&slope, &self.twice(&self.times(&gamma, &gamma), 3));
        Point { x: new_x, y: new_y, z: new_z }
    }

    /// The base point, added to one that is neither it nor its negative.
    #[expect(clippy::many_single_char_names, reason = "the source's own")]
    fn add_base(&self, point: &Point, base: &(Number, Number)) -> Point {
        let Point { x, y, z } = point;
        if *z == ZERO {
            return Point { x: base.0, y: base.1, z: self.one };
        }
        let zz = self.times(z, z);
        let h = self.minus(&self.times(&base.0, &zz), x);
        let hh = self.times(&h, &h);
        let i = self.twice(&hh, 2);
        let j = self.times(&h, &i);
        let r = self.twice(&self.minus(&self.times(&base.1, &self.times(z, &zz)), y), 1);
        let v = self.times(x, &i);
        let new_x = self.minus(&self.minus(&self.times(&r, &r), &j), &self.twice(&v, 1));
        let new_y = self.minus(&self.times(&r, &self.minus(&v, &new_x)), &self.twice(&self.times(y, &j), 1));
        let both = self.plus(z, &h);
        let new_z = self.minus(&self.minus(&self.times(&both, &both), &zz), &hh);
        Point { x: new_x, y: new_y, z: new_z }
    }
}

/// `before + one × other + carry`, as a word and what is carried on.
fn step(before: u64, one: u64, other: u64, carry: u64) -> (u64, u64) {
    let all = u128::from(before) + u128::from(one) * u128::from(other) + u128::from(carry);
    #[expect(clippy::cast_possible_truncation, reason = "its halves")]
    (all as u64, (all >> 64) as u64)
}

fn sum(one: &Number, other: &Number) -> (Number, bool) {
    let mut carry = false;
    let all = std::array::from_fn(|place| {
        let (first, over) = one[place].overflowing_add(other[place]);
        let (word, more) = first.overflowing_add(u64::from(carry));
        carry = over || more;
        word
    });
    (all, carry)
}

fn difference(one: &Number, other: &Number) -> (Number, bool) {
    let mut borrow = false;
    let all = std::array::from_fn(|place| {
        let (first, under) = one[place].overflowing_sub(other[place]);
        let (word, more) = first.overflowing_sub(u64::from(borrow));
        borrow = under || more;
        word
    });
    (all, borrow)
}

fn less(one: &Number, other: &Number) -> bool {
    difference(one, other).1
}

fn number(hex: &str) -> Number {
    let bytes = (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hex digits"));
    read(&bytes.collect::<Vec<_>>())
}

/// The most significant byte first.
fn read(bytes: &[u8]) -> Number {
    let mut all = ZERO;
    for (place, byte) in bytes.iter().rev().enumerate() {
        all[place / 8] |= u64::from(*byte) << (place % 8 * 8);
    }
    all
}

fn written(number: &Number, size: usize) -> Vec<u8> {
    (0..size).rev().map(|place| number[place / 8].to_le_bytes()[place % 8]).collect()
}

/// A positive INTEGER of DER. Source: ITU-T X.690, 8.3.
fn integer(number: &Number, size: usize) -> Vec<u8> {
    let mut bytes: Vec<u8> = written(number, size).into_iter().skip_while(|byte| *byte == 0).collect();
    if bytes[0] >= 0x80 {
        bytes.insert(0, 0);
    }
    [vec![2, u8::try_from(bytes.len()).expect("it is short")], bytes].concat()
}

#[cfg(test)]
mod tests {
    use ring::digest::{SHA256, SHA384, digest};
    use ring::signature::{ECDSA_P256_SHA256_ASN1, ECDSA_P384_SHA384_ASN1, UnparsedPublicKey};

    use super::*;

    #[test]
    fn what_is_signed_here_another_program_verifies_and_nothing_else() {
        for message in [&b"a statement"[..], b"", b"another one"] {
            let pair = Pair::new(Curve::P256);
            let signature = pair.sign(digest(&SHA256, message).as_ref());
            let public = UnparsedPublicKey::new(&ECDSA_P256_SHA256_ASN1, pair.point());
            public.verify(message, &signature).expect("it is this message's");
            public.verify(b"a changed one", &signature).expect_err("it is another one's");

            let pair = Pair::new(Curve::P384);
            let signature = pair.sign(digest(&SHA384, message).as_ref());
            let public = UnparsedPublicKey::new(&ECDSA_P384_SHA384_ASN1, pair.point());
            public.verify(message, &signature).expect("it is this message's");
        }
    }

    #[test]
    fn one_times_the_base_point_is_the_base_point() {
        for curve in [Curve::P256, Curve::P384] {
            assert_eq!(curve.times(&ONE), curve.base());
        }
    }
}
