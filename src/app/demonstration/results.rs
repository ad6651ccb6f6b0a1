//! Results of examinations, each with a page to print.

use std::fmt::Write as _;

use serde_json::json;

use super::people::People;
use crate::auth;
use crate::domain::clinical::result::ResultDraft;
use crate::domain::file::FilePurpose;
use crate::domain::id::{FileId, UserId};
use crate::domain::time::Timestamp;
use crate::error::{Error, Result};
use crate::persistence::Tx;
use crate::persistence::clinical::results;
use crate::persistence::files::{self, File, Storage};
use crate::storage::Files;

/// Patients who have one: every tenth, the one who signs in first.
const EVERY: usize = 10;

/// Writes the results, each ordered by the patient's doctor, and their pages into the store of files.
pub(super) async fn write(
    tx: &mut Tx,
    kept_in: &Files,
    people: &People,
    now: Timestamp,
) -> Result<()> {
    for (number, patient) in people.patients.iter().enumerate().step_by(EVERY) {
        let ordered_by = people.doctor_of(number).user;
        let hemoglobin = 12.0 + f64::from(u8::try_from(number % 40).unwrap_or(0)) / 10.0;
        let lines = ["Hemograma".to_owned(), format!("Hemoglobina: {hemoglobin:.1} g/dL")];
        let file = page(tx, kept_in, &lines, ordered_by, now).await?;
        let draft: ResultDraft = serde_json::from_value(json!({
            "patient_id": patient, "exam_name": "Hemograma", "file_id": file,
            "values": [{"name": "Hemoglobina", "value": hemoglobin, "unit": "g/dL",
                "reference": "12.0-16.0", "flag": "normal"}],
        }))
        .map_err(Error::internal)?;
        results::insert(tx, &draft, "Hemograma", Some(ordered_by), now).await?;
    }
    Ok(())
}

async fn page(
    tx: &mut Tx,
    kept_in: &Files,
    lines: &[String],
    owner: UserId,
    now: Timestamp,
) -> Result<FileId> {
    let purpose = FilePurpose::Result;
    let mut intake = kept_in.take(&FileId::from(auth::new_id("f_")), purpose.is_sealed()).await?;
    intake.push(pdf(lines).as_bytes()).await?;
    let kept = intake.keep().await?;
    let file = File {
        id: kept.place.id.clone(),
        owner_id: Some(owner),
        name: "hemograma.pdf".to_owned(),
        content_type: kept.media.name().to_owned(),
        size: i64::try_from(kept.place.size).map_err(Error::internal)?,
        sha256: kept.sha256,
        purpose,
        storage: if kept.place.is_in_bucket { Storage::S3 } else { Storage::Local },
        storage_key: kept.place.key,
        enc_nonce: kept.place.nonce,
        created_at: now,
    };
    files::insert(tx, &file).await?;
    Ok(file.id)
}

/// A page with lines of plain text (ISO 32000, 7.5).
fn pdf(lines: &[String]) -> String {
    let mut text = "BT /F1 14 Tf 72 760 Td 20 TL".to_owned();
    for line in lines {
        // Writing to a string cannot fail.
        let _ = write!(text, " ({line}) Tj T*");
    }
    text.push_str(" ET");
    let objects = [
        "<< /Type /Catalog /Pages 2 0 R >>".to_owned(),
        "<< /Type /Pages /Kids [3 0 R] /Count 1 >>".to_owned(),
        "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 595 842] /Contents 4 0 R \
         /Resources << /Font << /F1 5 0 R >> >> >>"
            .to_owned(),
        format!("<< /Length {} >>\nstream\n{text}\nendstream", text.len()),
        "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>".to_owned(),
    ];
    let mut file = "%PDF-1.4\n".to_owned();
    let mut places = Vec::new();
    for (number, object) in objects.iter().enumerate() {
        places.push(file.len());
        let _ = write!(file, "{} 0 obj\n{object}\nendobj\n", number + 1);
    }
    let table = file.len();
    let _ = write!(file, "xref\n0 {}\n0000000000 65535 f \n", places.len() + 1);
    for place in &places {
        let _ = writeln!(file, "{place:010} 00000 n ");
    }
    let size = places.len() + 1;
    let _ = write!(file, "trailer\n<< /Size {size} /Root 1 0 R >>\nstartxref\n{table}\n%%EOF\n");
    file
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_of_a_page_points_to_its_objects() {
        let file = pdf(&["Hemograma".to_owned()]);

        let table = file.rsplit("startxref\n").next().unwrap();
        let table: usize = table.lines().next().unwrap().parse().unwrap();
        assert!(file[table..].starts_with("xref\n0 6\n"));
        for (number, entry) in file[table..].lines().skip(3).take(5).enumerate() {
            let place: usize = entry[..10].parse().unwrap();
            assert!(file[place..].starts_with(&format!("{} 0 obj\n", number + 1)), "{entry}");
        }
    }
}
