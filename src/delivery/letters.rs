//! What the hub writes to people, in their language.
//!
//! No letter holds a word that somebody typed in: a name given at registration could be an
//! advertisement to a stranger. None holds clinical content.

use std::time::Duration;

use super::mail::Mail;
use crate::domain::language::Language;

/// Who a letter is for.
#[derive(Debug, Clone)]
pub struct Reader {
    pub email: String,
    pub language: Language,
}

/// The words of one letter: what happened, what to do, and what if it was not you.
struct Words {
    subject: &'static str,
    opening: String,
    action: &'static str,
    closing: &'static str,
}

/// How to choose a new password.
pub fn password_reset(to: &Reader, link: &str, life: Duration) -> Mail {
    let minutes = life.as_secs() / 60;
    let words = match to.language {
        Language::Spanish => Words {
            subject: "Restablecé tu contraseña",
            opening: format!(
                "Pediste elegir una contraseña nueva. El enlace vale {minutes} minutos y una sola vez."
            ),
            action: "Elegir una contraseña nueva",
            closing: "Si no lo pediste, podés ignorar este mensaje: tu contraseña sigue siendo la misma.",
        },
        Language::English => Words {
            subject: "Reset your password",
            opening: format!(
                "You asked to choose a new password. The link works once, within {minutes} minutes."
            ),
            action: "Choose a new password",
            closing: "If you did not ask for this, there is nothing to do: your password stays the same.",
        },
    };
    words.into_mail("password_reset", to, link)
}

/// How to show that an address is one's own.
pub fn email_verification(to: &Reader, link: &str, life: Duration) -> Mail {
    let hours = life.as_secs() / 3600;
    let words = match to.language {
        Language::Spanish => Words {
            subject: "Confirmá tu dirección de correo",
            opening: format!(
                "Alguien abrió una cuenta con esta dirección. El enlace vale {hours} horas y una sola vez."
            ),
            action: "Confirmar la dirección",
            closing: "Si no fuiste vos, podés ignorar este mensaje: la dirección queda sin confirmar.",
        },
        Language::English => Words {
            subject: "Confirm your e-mail address",
            opening: format!(
                "Somebody opened an account with this address. The link works once, within {hours} hours."
            ),
            action: "Confirm the address",
            closing: "If it was not you, do nothing: the address stays unconfirmed.",
        },
    };
    words.into_mail("email_verify", to, link)
}

/// Where a visit by video is held; whoever follows the link signs in.
pub fn video_visit(to: &Reader, link: &str) -> Mail {
    let words = match to.language {
        Language::Spanish => Words {
            subject: "Tu consulta por video",
            opening: "Tenés una consulta por video. Entrá con tu cuenta a la hora del turno."
                .into(),
            action: "Ir a la consulta",
            closing: "Si no esperabas este mensaje, podés ignorarlo.",
        },
        Language::English => Words {
            subject: "Your video visit",
            opening: "You have a visit by video. Sign in at the time of your appointment.".into(),
            action: "Go to the visit",
            closing: "If you did not expect this message, there is nothing to do.",
        },
    };
    words.into_mail("video_visit", to, link)
}

/// How a guest gets into a consultation without an account.
pub fn invitation(to: &Reader, link: &str, life: Duration) -> Mail {
    let minutes = life.as_secs() / 60;
    let words = match to.language {
        Language::Spanish => Words {
            subject: "Invitación a una videollamada",
            opening: format!(
                "Te invitaron a una videollamada. El enlace vale {minutes} minutos y una sola vez."
            ),
            action: "Entrar a la videollamada",
            closing: "Si no esperabas este mensaje, podés ignorarlo.",
        },
        Language::English => Words {
            subject: "Invitation to a video call",
            opening: format!(
                "You are invited to a video call. The link works once, within {minutes} minutes."
            ),
            action: "Enter the video call",
            closing: "If you did not expect this message, there is nothing to do.",
        },
    };
    words.into_mail("invitation", to, link)
}

impl Words {
    fn into_mail(self, kind: &'static str, to: &Reader, link: &str) -> Mail {
        let Self { subject, opening, action, closing } = self;
        let (language, address) = (to.language.tag(), escaped(link));
        let text = format!("{opening}\n\n{action}:\n{link}\n\n{closing}\n");
        let html = format!(
            "<!doctype html>\n<html lang=\"{language}\">\n<head><meta charset=\"utf-8\"><title>{subject}</title></head>\n\
             <body style=\"font-family: sans-serif; line-height: 1.5\">\n<p>{opening}</p>\n\
             <p><a href=\"{address}\">{action}</a></p>\n<p>{closing}</p>\n</body>\n</html>\n"
        );
        Mail { kind, to: to.email.clone(), subject, text, html }
    }
}

/// A text as the value of an attribute in double quotes.
fn escaped(text: &str) -> String {
    text.replace('&', "&amp;").replace('"', "&quot;").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn to(language: Language) -> Reader {
        Reader { email: "ana@example.com".into(), language }
    }

    #[test]
    fn a_letter_speaks_the_language_of_its_reader() {
        let link = "https://portal.example/reset-password#token=x";
        let half_an_hour = Duration::from_mins(30);

        let spanish = password_reset(&to(Language::Spanish), link, half_an_hour);
        let english = password_reset(&to(Language::English), link, half_an_hour);

        assert!(spanish.text.contains("30 minutos") && spanish.html.contains("lang=\"es\""));
        assert!(english.text.contains("30 minutes") && english.html.contains("lang=\"en\""));
        for letter in [spanish, english] {
            assert!(
                letter.text.contains(link) && letter.html.contains(&format!("href=\"{link}\""))
            );
        }
    }

    #[test]
    fn a_link_cannot_leave_its_attribute() {
        let link = "https://portal.example/?a=1&b=\"><script>";

        let letter = email_verification(&to(Language::English), link, Duration::from_hours(24));

        let address = "href=\"https://portal.example/?a=1&amp;b=&quot;>&lt;script>\"";
        assert!(letter.html.contains(address), "{}", letter.html);
    }
}
