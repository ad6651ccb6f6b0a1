use std::collections::HashSet;
use std::path::{Path, PathBuf};

use bytes::Bytes;
use proptest::prelude::*;

use super::*;
use crate::domain::file::MediaType;

/// A directory of this test.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Self {
        let name = format!("latido-files-{}", uuid::Uuid::now_v7());
        Self(std::env::temp_dir().join(name))
    }

    fn files(&self, limit: usize) -> Files {
        let (directory, key) = (self.0.clone(), [7; 32]);
        Files::new(Settings { directory, bucket: None, key, limit }).unwrap()
    }

    /// Every file in it.
    fn found(&self) -> Vec<PathBuf> {
        fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
            for entry in std::fs::read_dir(folder).into_iter().flatten() {
                let path = entry.unwrap().path();
                if path.is_dir() { walk(&path, found) } else { found.push(path) }
            }
        }
        let mut found = Vec::new();
        walk(&self.0, &mut found);
        found
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A document of that many bytes, no two stretches of it alike.
fn document(size: usize) -> Vec<u8> {
    let mut bytes = b"%PDF-1.7\n".to_vec();
    bytes
        .extend((0..).map(|place: u32| (place.wrapping_mul(2_654_435_761) >> 24) as u8).take(size));
    bytes.truncate(size);
    bytes
}

async fn kept(
    files: &Files,
    id: &str,
    is_sealed: bool,
    bytes: &[u8],
    piece: usize,
) -> Result<Kept> {
    let mut intake = files.take(&FileId::from(id), is_sealed).await?;
    for piece in bytes.chunks(piece) {
        intake.push(piece).await?;
    }
    intake.keep().await
}

async fn given(files: &Files, place: &Place, start: usize, end: usize) -> Result<Bytes> {
    files.give(place, start as u64, end as u64).await?.all().await
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().build().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn any_span_of_any_file_is_what_was_taken_in(
        size in prop_oneof![9_usize..300, 65_500_usize..65_600, 131_000_usize..200_000],
        piece in 1_usize..100_000,
        is_sealed: bool,
        from in 0.0..1.0_f64,
        to in 0.0..1.0_f64,
    ) {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss,
            reason = "a place in a small file")]
        let at = |share: f64| (share * size as f64) as usize;
        let (start, end) = (at(from).min(at(to)), at(from).max(at(to)).max(1));
        let piece = piece.max(size / 1000);
        let (scratch, bytes) = (Scratch::new(), document(size));

        let (whole, part) = runtime().block_on(async {
            let files = scratch.files(1 << 20);
            let kept = kept(&files, "f_1", is_sealed, &bytes, piece).await.unwrap();
            prop_assert_eq!(kept.place.size, size as u64);
            let whole = given(&files, &kept.place, 0, size).await.unwrap();
            Ok((whole, given(&files, &kept.place, start, end).await.unwrap()))
        })?;

        prop_assert!(whole == bytes);
        prop_assert!(part == bytes[start..end]);
    }
}

#[tokio::test]
async fn sealed_bytes_are_not_on_the_disk_and_plain_ones_are() {
    let (scratch, bytes) = (Scratch::new(), document(100_000));
    let files = scratch.files(1 << 20);

    let sealed = kept(&files, "f_1", true, &bytes, 4096).await.unwrap();
    let stored = std::fs::read(scratch.0.join(&sealed.place.key)).unwrap();
    let plain = kept(&files, "f_2", false, &bytes, 4096).await.unwrap();

    assert_eq!(stored.len(), bytes.len() + 2 * 16);
    let stretches: HashSet<&[u8]> = bytes.windows(16).collect();
    assert!(!stored.windows(16).any(|stretch| stretches.contains(stretch)));
    assert_eq!(std::fs::read(scratch.0.join(&plain.place.key)).unwrap(), bytes);
    assert_eq!((sealed.media, plain.media), (MediaType::Pdf, MediaType::Pdf));
    assert_eq!(sealed.sha256, plain.sha256);
}

#[tokio::test]
async fn what_is_refused_or_given_up_leaves_nothing() {
    let scratch = Scratch::new();
    let files = scratch.files(50_000);

    let large = kept(&files, "f_1", true, &document(50_001), 1000).await;
    let foreign = kept(&files, "f_2", false, b"<html>hello, world</html>", 5).await;
    let short = kept(&files, "f_3", false, b"GIF", 5).await;
    let mut given_up = files.take(&FileId::from("f_4"), false).await.unwrap();
    given_up.push(&document(40_000)).await.unwrap();
    drop(given_up);

    assert!(matches!(large.unwrap_err().kind(), Kind::PayloadTooLarge { limit: 50_000 }));
    assert!(matches!(foreign.unwrap_err().kind(), Kind::UnsupportedMediaType));
    assert!(matches!(short.unwrap_err().kind(), Kind::UnsupportedMediaType));
    assert_eq!(scratch.found(), [""; 0].map(PathBuf::from));
}

#[tokio::test]
async fn a_file_that_was_tampered_with_is_not_given() {
    let (scratch, bytes) = (Scratch::new(), document(100_000));
    let files = scratch.files(1 << 20);
    let kept = kept(&files, "f_1", true, &bytes, 100_000).await.unwrap();
    let path = scratch.0.join(&kept.place.key);
    let stored = std::fs::read(&path).unwrap();

    let mut flipped = stored.clone();
    flipped[70_000] ^= 1;
    std::fs::write(&path, flipped).unwrap();
    let of_flipped = given(&files, &kept.place, 0, bytes.len()).await;
    let beginning = given(&files, &kept.place, 0, 10).await;
    std::fs::write(&path, &stored[..65_552]).unwrap();
    let of_cut = given(&files, &kept.place, 0, bytes.len()).await;
    let shorter = Place { size: 65_536, ..kept.place.clone() };
    let of_shorter = given(&files, &shorter, 0, 65_536).await;

    assert!(of_flipped.is_err() && of_cut.is_err() && of_shorter.is_err());
    assert_eq!(beginning.unwrap(), bytes[..10]);
}

#[tokio::test]
async fn a_removed_file_is_gone_and_can_be_removed_again() {
    let scratch = Scratch::new();
    let files = scratch.files(1 << 20);
    let kept = kept(&files, "f_1", true, &document(100), 100).await.unwrap();

    files.remove(&kept.place).await.unwrap();
    files.remove(&kept.place).await.unwrap();

    assert!(scratch.found().is_empty());
    assert!(given(&files, &kept.place, 0, 100).await.is_err());
}
