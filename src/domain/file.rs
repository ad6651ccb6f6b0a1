//! Files: what may be one, what it is for, and what it goes by (contract §5.21).

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// Characters a name may have.
const NAME: usize = 255;

/// Bytes of a beginning that tell every type.
pub const HEAD: usize = 12;

/// What a file is, as its first bytes tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MediaType {
    Pdf,
    Png,
    Jpeg,
    Webp,
}

impl MediaType {
    /// The type of what begins so; none when it is none that is taken.
    pub fn of(head: &[u8]) -> Option<Self> {
        let is_webp = |head: &[u8]| head.starts_with(b"RIFF") && head.get(8..12) == Some(b"WEBP");
        match head {
            head if head.starts_with(b"%PDF-") => Some(Self::Pdf),
            head if head.starts_with(b"\x89PNG\r\n\x1a\n") => Some(Self::Png),
            head if head.starts_with(b"\xff\xd8\xff") => Some(Self::Jpeg),
            head if is_webp(head) => Some(Self::Webp),
            _ => None,
        }
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Pdf => "application/pdf",
            Self::Png => "image/png",
            Self::Jpeg => "image/jpeg",
            Self::Webp => "image/webp",
        }
    }

    pub fn extension(self) -> &'static str {
        match self {
            Self::Pdf => "pdf",
            Self::Png => "png",
            Self::Jpeg => "jpg",
            Self::Webp => "webp",
        }
    }
}

/// What a file is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize, sqlx::Type, ToSchema)]
#[serde(rename_all = "lowercase")]
#[sqlx(type_name = "text", rename_all = "lowercase")]
pub enum FilePurpose {
    Kyc,
    Chat,
    Result,
    Avatar,
    Portfolio,
    Note,
    Other,
}

impl FilePurpose {
    const ALL: [(Self, &'static str); 7] = [
        (Self::Kyc, "kyc"),
        (Self::Chat, "chat"),
        (Self::Result, "result"),
        (Self::Avatar, "avatar"),
        (Self::Portfolio, "portfolio"),
        (Self::Note, "note"),
        (Self::Other, "other"),
    ];

    /// The purpose that goes by this name.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|(_, known)| *known == name).map(|(purpose, _)| purpose)
    }

    /// Whether the stored bytes are encrypted.
    pub fn is_sealed(self) -> bool {
        matches!(self, Self::Kyc | Self::Result | Self::Note)
    }

    /// Whether it is written down who reads one.
    pub fn is_audited(self) -> bool {
        self.is_sealed()
    }
}

/// The name a caller gave, without folders and what no name should hold; one by its type when
/// nothing is left.
pub fn name(given: &str, media: MediaType) -> String {
    let last = given.rsplit(['/', '\\']).next().unwrap_or_default();
    let kept: String = last.chars().filter(|letter| !is_unfit(*letter)).take(NAME).collect();
    let kept = kept.trim().trim_matches('.').trim();
    if kept.is_empty() { format!("file.{}", media.extension()) } else { kept.to_owned() }
}

/// Control characters, and those that turn the direction of the text around them: `gpj.exe` must not
/// read as `exe.jpg`.
fn is_unfit(letter: char) -> bool {
    let turns = matches!(letter, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    letter.is_control() || turns
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_type_is_told_by_the_first_bytes_alone() {
        for (head, media) in [
            (&b"%PDF-1.7\n"[..], Some(MediaType::Pdf)),
            (b"\x89PNG\r\n\x1a\n\0\0", Some(MediaType::Png)),
            (b"\xff\xd8\xff\xe0", Some(MediaType::Jpeg)),
            (b"RIFF\x10\0\0\0WEBPVP8 ", Some(MediaType::Webp)),
            (b"RIFF\x10\0\0\0WAVEfmt ", None),
            (b"<svg onload=alert(1)>", None),
            (b" %PDF-1.7", None),
            (b"", None),
        ] {
            assert_eq!(MediaType::of(head), media, "{head:?}");
        }
    }

    #[test]
    fn a_name_keeps_no_path_and_turns_no_text_around() {
        for (given, kept) in [
            ("análisis.pdf", "análisis.pdf"),
            ("../../etc/passwd", "passwd"),
            ("C:\\Users\\Ana\\x.pdf", "x.pdf"),
            ("x\u{202e}fdp.exe\r\n", "xfdp.exe"),
            ("..", "file.pdf"),
            ("", "file.pdf"),
        ] {
            assert_eq!(name(given, MediaType::Pdf), kept, "{given:?}");
        }
        assert_eq!(name(&"a".repeat(300), MediaType::Pdf).len(), 255);
    }

    #[test]
    fn every_purpose_goes_by_its_name() {
        for (purpose, name) in FilePurpose::ALL {
            assert_eq!(serde_json::to_value(purpose).unwrap(), name);
            assert_eq!(FilePurpose::parse(name), Some(purpose));
        }
        assert_eq!(FilePurpose::parse("Result"), None);
    }
}
