//! What one seed makes: images, where they come from, what befalls them on their way, and who else is at it.

use crate::simulate::dice::Dice;

/// One world of pushes.
#[derive(Debug)]
pub(in crate::simulate) struct World {
    pub kind: Kind,
    pub images: Vec<Image>,
    /// Whether the registry mounts blobs from one of its repositories in another.
    pub mounts: bool,
    /// What befalls the registry's requests and answers.
    pub faults: Vec<Fault>,
    /// The same of ECR's API.
    pub slips: Vec<Slip>,
    /// Another push of the same tags, at the same time.
    pub rival: Option<Rival>,
    /// After so many requests.
    pub end: Option<(u32, End)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::simulate) enum Kind {
    Release,
    Promotion,
}

#[derive(Debug)]
pub(in crate::simulate) struct Image {
    pub name: &'static str,
    pub platforms: Vec<&'static str>,
    /// Of each layer how many bytes it has and what they are; the same twice is the same layer.
    pub layers: Vec<(usize, u64)>,
    /// How many documents are attached in the registry that it is promoted from.
    pub attached: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::simulate) enum Rival {
    SameBytes,
    OtherBytes,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::simulate) enum End {
    /// Nothing of it reaches anybody any more.
    Killed,
    Interrupted,
}

/// What befalls a request of one kind.
#[derive(Clone, Debug)]
pub(in crate::simulate) struct Fault {
    /// `PUT upload`, as `Request::call` has it.
    pub call: &'static str,
    /// Which of those about one and the same thing, counted from 1.
    pub nth: u32,
    /// So many of them.
    pub count: u32,
    /// One thing in so many is struck.
    pub share: u64,
    pub how: How,
}

#[derive(Clone, Debug, PartialEq)]
pub(in crate::simulate) enum How {
    /// The registry never hears of it, and this is answered.
    Refused {
        status: u16,
        code: &'static str,
        wait: Option<u32>,
    },
    /// The connection is cut before the request is read, in its midst, or after it was carried out.
    CutBefore,
    CutWithin,
    CutAfter,
    /// So many hundredths of the answer arrive.
    CutAnswer(u64),
    /// The answer comes when only the head of the request is read.
    Early(u16),
    /// The answer comes twice.
    AnsweredTwice,
    /// The request is carried out twice; the second answer comes.
    DoneTwice,
    /// What the last request of this kind was answered comes once more, and the registry never hears of this one.
    Old,
    /// The registry never hears of it, and it is said that it was done.
    Lie,
    /// A byte of the request's body is another one when it arrives.
    Spoiled,
    /// A member of the answer's head is another one, or missing.
    Header(&'static str, &'static str),
    /// A byte of the answer's body is another one; it has fewer; it has more.
    Changed,
    Shorter,
    Longer,
    /// Nothing moves for minutes.
    Stalled,
    /// The answer is later than those to what was asked after it.
    Late,
}

/// What befalls a call of ECR's API.
#[derive(Clone, Debug)]
pub(in crate::simulate) struct Slip {
    pub call: &'static str,
    pub nth: u32,
    pub how: Slipped,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::simulate) enum Slipped {
    Error(u16, &'static str),
    ResetBefore,
    ResetAfter,
    Half,
    Foreign,
    /// It is carried out twice, and the second answer comes.
    Twice,
    /// All blobs that are asked for are said to be there.
    AllThere,
    /// None is.
    NoneThere,
}

/// What a push asks of a registry.
const CALLS: &[&str] = &[
    "HEAD blob",
    "GET blob",
    "POST uploads",
    "POST uploads",
    "PUT upload",
    "PUT upload",
    "PUT manifest",
    "PUT manifest",
    "GET manifest",
    "GET referrers",
];

const API: &[&str] = &[
    "ecr:BatchGetImage",
    "ecr:BatchCheckLayerAvailability",
    "ecr:PutImage",
    "ecr:PutImage",
    "ecr:GetAuthorizationToken",
];

/// Which a registry, or what is before it, may get wrong.
const HEADERS: &[(&str, &str)] = &[
    ("location", ""),
    ("location", "/v2/nowhere/blobs/uploads/0"),
    ("location", "http://ELSEWHERE/v2/sample/app/blobs/uploads/1"),
    ("location", "uploads"),
    ("location", "::"),
    ("range", "0-7"),
    ("docker-content-digest", "sha256:0000000000000000000000000000000000000000000000000000000000000000"),
    ("docker-content-digest", "what"),
    ("docker-content-digest", ""),
    ("content-length", "7"),
    ("content-length", "1000000"),
    ("content-length", "-1"),
    ("content-type", "text/html"),
    ("oci-subject", ""),
    ("link", "<?again>; rel=\"next\""),
    ("retry-after", "100000"),
];

impl World {
    pub(in crate::simulate) fn of(seed: u64) -> Self {
        let dice = &mut Dice::new(seed);
        let kind = dice.one(&[Kind::Release, Kind::Release, Kind::Release, Kind::Promotion, Kind::Promotion]);
        let count = dice.one(&[1, 1, 1, 2]);
        let shared = (layer_size(dice), dice.number());
        let images = ["app", "web"][..count].iter().map(|name| image(dice, name, shared)).collect();
        let faults = (0..dice.from(1, 5)).map(|_| fault(dice)).collect();
        let slips = (0..dice.one(&[0, 0, 1, 2])).map(|_| slip(dice)).collect();
        let rival = dice.percent(15).then(|| dice.one(&[Rival::SameBytes, Rival::OtherBytes]));
        // A promotion has no bytes of its own.
        let rival = rival.map(|rival| if kind == Kind::Promotion { Rival::SameBytes } else { rival });
        let end = dice
            .percent(25)
            .then(|| (dice.one(&[1, 3, 5, 8, 12, 16, 24, 32]), dice.one(&[End::Killed, End::Interrupted])));
        Self { kind, images, mounts: dice.percent(50), faults, slips, rival, end }
    }
}

impl World {
    /// Whether somebody else's list takes the place of what refers to a digest, or none: nobody could tell.
    pub(in crate::simulate) fn lists_lie(&self) -> bool {
        let lies = |how: &How| matches!(how, How::Old | How::Lie | How::Refused { status: 200 | 404, .. });
        self.faults.iter().any(|fault| fault.call == "GET referrers" && lies(&fault.how))
    }
}

fn layer_size(dice: &mut Dice) -> usize {
    let most = dice.one(&[10, 3_000, 3_000, 3_000, 20_000, 150_000]);
    usize::try_from(dice.from(1, most)).unwrap_or_default()
}

fn image(dice: &mut Dice, name: &'static str, shared: (usize, u64)) -> Image {
    let platforms = dice.one(&[&["linux/amd64"][..], &["linux/amd64"], &["linux/amd64", "linux/arm64"]]).to_vec();
    let mut layers: Vec<(usize, u64)> = (0..dice.from(1, 4)).map(|_| (layer_size(dice), dice.number())).collect();
    layers.push(shared);
    if dice.percent(10) {
        layers.push(layers[0]);
    }
    Image { name, platforms, layers, attached: dice.from(0, 3) }
}

fn fault(dice: &mut Dice) -> Fault {
    let how = match dice.from(0, 19) {
        0 | 1 => {
            let (status, code) = dice.one(&[
                (500, "UNKNOWN"),
                (503, "UNAVAILABLE"),
                (429, "TOOMANYREQUESTS"),
                (404, "BLOB_UPLOAD_UNKNOWN"),
                (404, "BLOB_UNKNOWN"),
                (404, "MANIFEST_UNKNOWN"),
                (400, "DIGEST_INVALID"),
                (416, "BLOB_UPLOAD_INVALID"),
                (401, "UNAUTHORIZED"),
                (403, "DENIED"),
                (301, ""),
                (204, ""),
                (200, ""),
            ]);
            How::Refused { status, code, wait: dice.percent(20).then(|| dice.one(&[0, 1, 60, 100_000])) }
        }
        2 => How::CutBefore,
        3 => How::CutWithin,
        4 => How::CutAfter,
        5 | 6 => How::CutAnswer(dice.from(0, 99)),
        7 => How::Early(dice.one(&[201, 204, 400, 413, 500])),
        8 => How::AnsweredTwice,
        9 => How::DoneTwice,
        10 => How::Old,
        11 | 12 => How::Lie,
        13 => How::Spoiled,
        14 | 15 => {
            let (name, value) = dice.one(HEADERS);
            How::Header(name, value)
        }
        16 => How::Changed,
        17 => dice.one(&[How::Shorter, How::Longer]),
        18 if dice.percent(15) => How::Stalled,
        _ => How::Late,
    };
    let (nth, count) = (dice.one(&[1, 1, 1, 2, 3]), dice.one(&[1, 1, 1, 2, 3, 100]));
    Fault { call: dice.one(CALLS), nth, count, share: dice.one(&[1, 1, 2, 3]), how }
}

fn slip(dice: &mut Dice) -> Slip {
    let call = dice.one(API);
    let how = match dice.from(0, 9) {
        0 => Slipped::Error(400, "ThrottlingException"),
        1 => Slipped::Error(500, "ServerException"),
        2 => Slipped::Error(400, "AccessDeniedException"),
        3 => Slipped::ResetBefore,
        4 => Slipped::ResetAfter,
        5 => Slipped::Half,
        6 => Slipped::Foreign,
        7 if call == "ecr:BatchCheckLayerAvailability" => Slipped::AllThere,
        8 if call == "ecr:BatchCheckLayerAvailability" => Slipped::NoneThere,
        _ => Slipped::Twice,
    };
    Slip { call, nth: dice.one(&[0, 1, 1, 2, 3]), how }
}
