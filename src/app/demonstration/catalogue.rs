//! A catalogue of sixty exams: prices in pesos, as made up as they look real.

use crate::domain::address::{Address, AddressKind};
use crate::domain::clinical::catalogue::{
    CategoryDraft, ExamDraft, LocationDraft, PackageDraft, PriceDraft,
};
use crate::domain::id::{CategoryId, ExamId, LocationId, PackageId};
use crate::domain::money::{Cents, Currency};
use crate::domain::time::Timestamp;
use crate::error::{Error, Result};
use crate::persistence::Tx;
use crate::persistence::clinical::catalogue::{
    Category, Entry as _, Exam, Location, Package, Price,
};

/// Code, name, preparation (empty: none), minutes, price in pesos.
type Row = (&'static str, &'static str, &'static str, i64, i64);

/// Shelves of the catalogue: the shelf above, the shelf, its exams.
const SHELVES: &[(&str, &str, &[Row])] = &[
    (
        "Laboratorio",
        "Hematología",
        &[
            ("HEM", "Hemograma completo", "Ayuno de 8 horas", 10, 4_500),
            ("ERS", "Eritrosedimentación", "Ayuno de 4 horas", 10, 2_500),
            ("COA", "Coagulograma básico", "Ayuno de 4 horas", 10, 5_200),
            ("RTP", "Tiempo de protrombina", "Ayuno de 4 horas", 10, 3_100),
            ("GRF", "Grupo y factor", "", 10, 3_900),
            ("FER", "Ferritina", "Ayuno de 8 horas", 10, 6_800),
        ],
    ),
    (
        "Laboratorio",
        "Química clínica",
        &[
            ("GLU", "Glucemia", "Ayuno de 8 horas", 10, 2_200),
            ("HBG", "Hemoglobina glicosilada", "", 10, 5_900),
            ("URE", "Urea", "Ayuno de 8 horas", 10, 2_200),
            ("CRE", "Creatinina", "Ayuno de 8 horas", 10, 2_300),
            ("COL", "Perfil lipídico", "Ayuno de 12 horas", 10, 7_400),
            ("HEP", "Hepatograma", "Ayuno de 8 horas", 10, 8_100),
            ("ION", "Ionograma", "Ayuno de 4 horas", 10, 4_300),
            ("URI", "Ácido úrico", "Ayuno de 8 horas", 10, 2_400),
            ("PCR", "Proteína C reactiva", "", 10, 4_100),
            ("VID", "Vitamina D", "", 10, 11_500),
        ],
    ),
    (
        "Laboratorio",
        "Hormonas",
        &[
            ("TSH", "Tirotrofina", "Ayuno de 4 horas", 10, 6_200),
            ("T4L", "Tiroxina libre", "Ayuno de 4 horas", 10, 6_400),
            ("INS", "Insulina basal", "Ayuno de 8 horas", 10, 7_100),
            ("COR", "Cortisol matinal", "A las 8 de la mañana", 15, 7_600),
            ("PRL", "Prolactina", "Media hora de reposo", 40, 6_900),
            ("BHC", "Gonadotrofina coriónica", "", 10, 6_500),
        ],
    ),
    (
        "Laboratorio",
        "Orina y cultivos",
        &[
            ("ORC", "Orina completa", "Primera orina de la mañana", 10, 2_600),
            ("URC", "Urocultivo", "Sin antibióticos por 7 días", 10, 5_400),
            ("MIC", "Microalbuminuria", "Orina de 24 horas", 10, 5_600),
            ("COP", "Coprocultivo", "Muestra del día", 10, 5_800),
            ("EXF", "Exudado de fauces", "Ayuno de 4 horas", 10, 4_700),
        ],
    ),
    (
        "Imágenes",
        "Radiografía",
        &[
            ("RXT", "Radiografía de tórax", "", 15, 12_000),
            ("RXC", "Radiografía de columna lumbar", "", 15, 14_500),
            ("RXR", "Radiografía de rodilla", "", 15, 11_500),
            ("RXM", "Radiografía de mano", "", 15, 10_500),
            ("RXD", "Radiografía panorámica dental", "", 15, 13_000),
            ("MAM", "Mamografía bilateral", "Sin desodorante ni talco", 30, 24_000),
        ],
    ),
    (
        "Imágenes",
        "Ecografía",
        &[
            ("ECA", "Ecografía abdominal", "Ayuno de 6 horas", 20, 18_500),
            ("ECR", "Ecografía renal", "Vejiga llena", 20, 17_500),
            ("ECG", "Ecografía ginecológica", "Vejiga llena", 20, 18_000),
            ("ECT", "Ecografía tiroidea", "", 20, 17_000),
            ("ECM", "Ecografía mamaria", "", 20, 17_800),
            ("ECO", "Ecografía obstétrica", "", 30, 21_000),
            ("DOP", "Doppler de miembros inferiores", "", 40, 29_500),
        ],
    ),
    (
        "Imágenes",
        "Tomografía y resonancia",
        &[
            ("TCC", "Tomografía de cerebro", "", 20, 62_000),
            ("TCT", "Tomografía de tórax", "Ayuno de 4 horas", 20, 68_000),
            ("TCA", "Tomografía de abdomen", "Ayuno de 6 horas", 30, 74_000),
            ("RMC", "Resonancia de cerebro", "Sin objetos metálicos", 40, 115_000),
            ("RMR", "Resonancia de rodilla", "Sin objetos metálicos", 40, 98_000),
            ("RML", "Resonancia de columna lumbar", "Sin objetos metálicos", 40, 108_000),
        ],
    ),
    (
        "Estudios funcionales",
        "Cardiología",
        &[
            ("ELE", "Electrocardiograma", "", 15, 9_500),
            ("ERG", "Ergometría", "Ropa cómoda", 45, 27_500),
            ("HOL", "Holter de 24 horas", "Sin cremas en el pecho", 30, 34_000),
            ("MAP", "Presurometría de 24 horas", "", 30, 31_000),
            ("ECC", "Ecocardiograma Doppler", "", 30, 36_500),
        ],
    ),
    (
        "Estudios funcionales",
        "Neumonología",
        &[
            ("ESP", "Espirometría", "Sin fumar por 6 horas", 30, 16_500),
            ("OXI", "Oximetría nocturna", "", 20, 14_000),
            ("POL", "Polisomnografía", "Cena liviana", 600, 89_000),
        ],
    ),
    (
        "Estudios funcionales",
        "Neurología y sentidos",
        &[
            ("EEG", "Electroencefalograma", "Pelo limpio y seco", 45, 22_500),
            ("EMG", "Electromiograma", "Sin cremas", 45, 28_500),
            ("AUD", "Audiometría", "Sin ruidos fuertes el día anterior", 30, 12_500),
            ("FON", "Fondo de ojo", "Venir en compañía", 30, 11_000),
            ("CAM", "Campo visual", "Traer anteojos", 40, 13_500),
            ("DEN", "Densitometría ósea", "Sin calcio el día anterior", 20, 21_500),
        ],
    ),
];

/// Name, street, city, latitude, longitude.
const LOCATIONS: [(&str, &str, &str, f64, f64); 3] = [
    ("Sede Centro", "Av. Colón 1234", "Córdoba", -31.4112, -64.1981),
    ("Sede Nueva Córdoba", "Bv. San Juan 567", "Córdoba", -31.4236, -64.1887),
    ("Sede Villa Carlos Paz", "Av. Libertad 89", "Villa Carlos Paz", -31.4208, -64.4992),
];

/// Name, codes, price in pesos.
const PACKAGES: [(&str, &[&str], i64); 4] = [
    ("Chequeo anual", &["HEM", "GLU", "CRE", "COL", "HEP", "ORC", "ELE"], 32_000),
    ("Control de diabetes", &["GLU", "HBG", "CRE", "MIC", "FON"], 24_500),
    ("Prequirúrgico", &["HEM", "COA", "GRF", "RXT", "ELE"], 29_900),
    ("Perfil tiroideo", &["TSH", "T4L", "ECT"], 26_000),
];

/// Imaging costs more away from the city, in percent of the price elsewhere.
const AWAY_PERCENT: i64 = 110;
const DEAR_AWAY: [&str; 6] = ["RXT", "MAM", "ECA", "TCC", "RMC", "DOP"];

/// Writes locations, shelves, exams, packages and prices.
pub(super) async fn write(tx: &mut Tx, now: Timestamp) -> Result<()> {
    let currency: Currency = "ARS".parse().map_err(Error::internal)?;
    let mut places = Vec::new();
    for location in &LOCATIONS {
        places.push(Location::insert(tx, &place(location), now).await?.id);
    }
    let exams = shelves(tx, now).await?;
    for &(id, (code, _, _, _, pesos)) in &exams {
        let price = Offer { exam: Some(id), package: None, location: None, pesos };
        price.write(tx, &currency, now).await?;
        if let (true, Some(away)) = (DEAR_AWAY.contains(&code), places.last()) {
            let pesos = pesos * AWAY_PERCENT / 100;
            let price = Offer { exam: Some(id), package: None, location: Some(*away), pesos };
            price.write(tx, &currency, now).await?;
        }
    }
    for (name, codes, pesos) in PACKAGES {
        let of_package = exams.iter().filter(|(_, exam)| codes.contains(&exam.0));
        let draft = PackageDraft {
            name: name.to_owned(),
            exam_ids: of_package.map(|(id, _)| *id).collect(),
            description: None,
            active: true,
        };
        let id = Package::insert(tx, &draft, now).await?.id;
        let price = Offer { exam: None, package: Some(id), location: None, pesos };
        price.write(tx, &currency, now).await?;
    }
    Ok(())
}

/// Writes the shelves and what stands on them.
async fn shelves(tx: &mut Tx, now: Timestamp) -> Result<Vec<(ExamId, Row)>> {
    let mut exams = Vec::new();
    let mut above: Option<(&str, CategoryId)> = None;
    for (parent, name, rows) in SHELVES {
        let parent_id = match above {
            Some((known, id)) if known == *parent => id,
            _ => category(tx, parent, None, now).await?,
        };
        above = Some((parent, parent_id));
        let shelf = category(tx, name, Some(parent_id), now).await?;
        for &row in *rows {
            let (code, name, preparation, minutes, _) = row;
            let draft = ExamDraft {
                code: code.to_owned(),
                name: name.to_owned(),
                description: None,
                category_id: Some(shelf),
                preparation: Some(preparation).filter(|text| !text.is_empty()).map(Into::into),
                duration_minutes: Some(minutes),
                active: true,
            };
            exams.push((Exam::insert(tx, &draft, now).await?.id, row));
        }
    }
    Ok(exams)
}

async fn category(
    tx: &mut Tx,
    name: &str,
    parent_id: Option<CategoryId>,
    now: Timestamp,
) -> Result<CategoryId> {
    let draft = CategoryDraft { name: name.to_owned(), parent_id };
    Ok(Category::insert(tx, &draft, now).await?.id)
}

fn place(&(name, street, city, lat, lon): &(&str, &str, &str, f64, f64)) -> LocationDraft {
    let address = Address {
        kind: AddressKind::Work,
        line1: street.to_owned(),
        line2: None,
        city: city.to_owned(),
        region: Some("Córdoba".to_owned()),
        postal_code: None,
        country: "AR".to_owned(),
        lat: Some(lat),
        lon: Some(lon),
        primary: true,
    };
    LocationDraft { name: name.to_owned(), address, lat: Some(lat), lon: Some(lon), active: true }
}

/// What is sold, where, for how much.
struct Offer {
    exam: Option<ExamId>,
    package: Option<PackageId>,
    location: Option<LocationId>,
    pesos: i64,
}

impl Offer {
    async fn write(&self, tx: &mut Tx, currency: &Currency, now: Timestamp) -> Result<()> {
        let draft = PriceDraft {
            exam_id: self.exam,
            package_id: self.package,
            location_id: self.location,
            amount_cents: Cents(self.pesos * 100),
            currency: Some(currency.clone()),
            valid_from: None,
            valid_to: None,
        };
        Price::insert(tx, &draft, now).await.map(drop)
    }
}
