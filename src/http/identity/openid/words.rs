//! What the provider's pages say, in Spanish and English.

use crate::domain::language::Language;
use crate::error::{Error, Kind};

/// The texts of one language. None of them holds markup.
pub(super) struct Words {
    pub sign_in: &'static str,
    /// Before the client's name.
    pub to_continue_in: &'static str,
    pub email: &'static str,
    pub password: &'static str,
    pub remember: &'static str,
    pub sign_out: &'static str,
    pub sign_out_everywhere: &'static str,
    pub signed_out: &'static str,
    pub may_close: &'static str,
    pub refused: &'static str,
    pub not_your_fault: &'static str,
    wrong: &'static str,
    incomplete: &'static str,
    inactive: &'static str,
    /// Before a number of minutes.
    wait: &'static str,
}

const SPANISH: Words = Words {
    sign_in: "Iniciar sesión",
    to_continue_in: "Para continuar en",
    email: "Correo electrónico",
    password: "Contraseña",
    remember: "Mantener la sesión en este equipo",
    sign_out: "Cerrar sesión",
    sign_out_everywhere: "Se cerrará la sesión en todos los portales abiertos con ella.",
    signed_out: "Sesión cerrada",
    may_close: "Ya puede cerrar esta página.",
    refused: "No se puede continuar",
    not_your_fault: "El portal del que viene hizo un pedido que no se puede atender.",
    wrong: "El correo o la contraseña no son correctos.",
    incomplete: "Complete el correo y la contraseña.",
    inactive: "Esta cuenta está desactivada.",
    wait: "Demasiados intentos. Vuelva a probar después de estos minutos:",
};

const ENGLISH: Words = Words {
    sign_in: "Sign in",
    to_continue_in: "To continue to",
    email: "E-mail",
    password: "Password",
    remember: "Stay signed in on this computer",
    sign_out: "Sign out",
    sign_out_everywhere: "You will be signed out of every portal you opened with this sign-in.",
    signed_out: "Signed out",
    may_close: "You may close this page.",
    refused: "This cannot go on",
    not_your_fault: "The portal you came from made a request that cannot be served.",
    wrong: "The e-mail or the password is not right.",
    incomplete: "Fill in e-mail and password.",
    inactive: "This account is deactivated.",
    wait: "Too many attempts. Try again after this many minutes:",
};

impl Words {
    pub(super) fn of(language: Language) -> &'static Self {
        match language {
            Language::Spanish => &SPANISH,
            Language::English => &ENGLISH,
        }
    }

    /// Why a sign-in failed, where the user can do something about it.
    pub(super) fn failure(&self, error: &Error) -> Option<String> {
        match error.kind() {
            Kind::InvalidCredentials => Some(self.wrong.to_owned()),
            Kind::Validation(_) | Kind::Malformed(_) => Some(self.incomplete.to_owned()),
            Kind::AccountInactive { retry_after: None } => Some(self.inactive.to_owned()),
            Kind::AccountInactive { retry_after: Some(seconds) }
            | Kind::RateLimited { retry_after: seconds, .. } => {
                Some(format!("{} {}", self.wait, seconds.div_ceil(60)))
            }
            _ => None,
        }
    }
}
