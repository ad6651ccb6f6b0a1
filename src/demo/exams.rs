//! The exams of the demonstration, by shelf.

/// A shelf below the root of its kind.
pub(super) struct Shelf {
    pub(super) root: &'static str,
    pub(super) name: &'static str,
    /// What patients of this shelf do beforehand.
    pub(super) preparation: Option<&'static str>,
    pub(super) exams: &'static [Listed],
}

/// Code, name, minutes, price in cents of Argentine pesos.
pub(super) type Listed = (&'static str, &'static str, i64, i64);

const FASTING: Option<&str> = Some("Ayuno de 8 horas");

pub(super) const SHELVES: &[Shelf] = &[
    Shelf {
        root: "Laboratorio",
        name: "Hematología",
        preparation: FASTING,
        exams: &[
            ("HEM", "Hemograma completo", 10, 450_000),
            ("ERS", "Eritrosedimentación", 10, 210_000),
            ("PLT", "Recuento de plaquetas", 10, 230_000),
            ("RET", "Recuento de reticulocitos", 10, 290_000),
            ("TP", "Tiempo de protrombina", 10, 320_000),
            ("KPTT", "Tiempo de tromboplastina parcial", 10, 320_000),
            ("FIB", "Fibrinógeno", 10, 360_000),
            ("DIM", "Dímero D", 15, 980_000),
            ("GRH", "Grupo sanguíneo y factor Rh", 10, 350_000),
            ("FER", "Ferritina", 10, 720_000),
        ],
    },
    Shelf {
        root: "Laboratorio",
        name: "Química clínica",
        preparation: FASTING,
        exams: &[
            ("GLU", "Glucemia", 10, 180_000),
            ("HBA", "Hemoglobina glicosilada", 10, 640_000),
            ("URE", "Uremia", 10, 180_000),
            ("CRE", "Creatinina", 10, 190_000),
            ("URI", "Ácido úrico", 10, 190_000),
            ("COL", "Colesterol total", 10, 200_000),
            ("HDL", "Colesterol HDL", 10, 240_000),
            ("LDL", "Colesterol LDL", 10, 240_000),
            ("TRI", "Triglicéridos", 10, 220_000),
            ("HEP", "Hepatograma", 15, 690_000),
            ("ION", "Ionograma", 10, 480_000),
            ("CAL", "Calcemia", 10, 210_000),
        ],
    },
    Shelf {
        root: "Laboratorio",
        name: "Endocrinología",
        preparation: FASTING,
        exams: &[
            ("TSH", "Tirotrofina", 10, 620_000),
            ("T4L", "Tiroxina libre", 10, 640_000),
            ("T3", "Triyodotironina", 10, 640_000),
            ("COR", "Cortisol", 15, 860_000),
            ("PRL", "Prolactina", 15, 790_000),
            ("VID", "Vitamina D", 10, 1_450_000),
            ("B12", "Vitamina B12", 10, 1_120_000),
            ("PSA", "Antígeno prostático específico", 10, 930_000),
        ],
    },
    Shelf {
        root: "Laboratorio",
        name: "Microbiología",
        preparation: Some("Primera orina de la mañana o muestra indicada por el laboratorio"),
        exams: &[
            ("ORI", "Orina completa", 5, 240_000),
            ("URO", "Urocultivo", 5, 560_000),
            ("COP", "Coprocultivo", 5, 680_000),
            ("HIS", "Hisopado de fauces", 10, 590_000),
            ("PCRV", "PCR de virus respiratorios", 15, 2_900_000),
            ("HIV", "Anticuerpos anti VIH", 10, 870_000),
        ],
    },
    Shelf {
        root: "Diagnóstico por imágenes",
        name: "Ecografía",
        preparation: Some("Ayuno de 6 horas; vejiga llena en los estudios de pelvis"),
        exams: &[
            ("ECA", "Ecografía abdominal", 30, 2_100_000),
            ("ECR", "Ecografía renal", 30, 1_900_000),
            ("ECT", "Ecografía tiroidea", 20, 1_800_000),
            ("ECM", "Ecografía mamaria", 30, 2_000_000),
            ("ECG", "Ecografía ginecológica", 30, 1_900_000),
            ("ECO", "Ecografía obstétrica", 40, 2_600_000),
            ("DVC", "Doppler de vasos de cuello", 40, 3_400_000),
            ("DMI", "Doppler de miembros inferiores", 45, 3_600_000),
        ],
    },
    Shelf {
        root: "Diagnóstico por imágenes",
        name: "Radiología",
        preparation: None,
        exams: &[
            ("RXT", "Radiografía de tórax", 15, 980_000),
            ("RXC", "Radiografía de columna cervical", 15, 1_050_000),
            ("RXL", "Radiografía de columna lumbar", 15, 1_050_000),
            ("RXR", "Radiografía de rodilla", 15, 940_000),
            ("MAM", "Mamografía bilateral", 20, 2_400_000),
            ("DMO", "Densitometría ósea", 20, 2_700_000),
        ],
    },
    Shelf {
        root: "Diagnóstico por imágenes",
        name: "Tomografía y resonancia",
        preparation: Some("Traer estudios previos; avisar si lleva metales o marcapasos"),
        exams: &[
            ("TCC", "Tomografía de cerebro", 30, 6_800_000),
            ("TCT", "Tomografía de tórax", 30, 7_200_000),
            ("TCA", "Tomografía de abdomen y pelvis", 40, 8_900_000),
            ("RMC", "Resonancia de cerebro", 45, 12_500_000),
            ("RML", "Resonancia de columna lumbar", 45, 12_500_000),
            ("RMR", "Resonancia de rodilla", 45, 11_800_000),
        ],
    },
    Shelf {
        root: "Cardiología",
        name: "Estudios cardiológicos",
        preparation: Some("Ropa cómoda; no suspender la medicación habitual"),
        exams: &[
            ("ELE", "Electrocardiograma", 15, 850_000),
            ("ERG", "Ergometría", 45, 3_200_000),
            ("HOL", "Holter de 24 horas", 30, 4_100_000),
            ("ECD", "Ecocardiograma Doppler", 40, 3_900_000),
        ],
    },
];

/// Name and codes.
pub(super) const PACKAGES: &[(&str, &[&str], i64)] = &[
    ("Chequeo anual", &["HEM", "ERS", "GLU", "URE", "CRE", "COL", "HDL", "TRI", "ORI"], 1_650_000),
    ("Control de diabetes", &["GLU", "HBA", "CRE", "ORI"], 1_050_000),
    ("Perfil tiroideo", &["TSH", "T4L", "T3", "ECT"], 3_200_000),
    ("Riesgo cardiovascular", &["COL", "HDL", "LDL", "TRI", "ELE", "ERG"], 4_400_000),
    ("Prequirúrgico", &["HEM", "TP", "KPTT", "GRH", "GLU", "ELE", "RXT"], 3_000_000),
];

/// Name, street, latitude, longitude; all in Córdoba, Argentina.
pub(super) const LOCATIONS: &[(&str, &str, f64, f64)] = &[
    ("Sede Centro", "Av. Colón 350", -31.4135, -64.1870),
    ("Sede Nueva Córdoba", "Bv. San Juan 710", -31.4205, -64.1935),
    ("Sede Cerro de las Rosas", "Av. Rafael Núñez 4200", -31.3680, -64.2350),
];
