"""Text of the phishing advisory to exposed addresses, in the owner's language (pure).

It names no provider, has no link and asks for nothing: whoever copies it gains nothing by it.
"""

from mailkeep.accounts import language
from mailkeep.mail.types import Content

#: Subject and text by language (BCP 47, the part before the first hyphen).
TEXTS = {
    "en": (
        "Please be careful with mail in our name",
        """\
Hello,

One of the services that carry our mail was attacked. It knew your address, and that you have an
account with us. Somebody may use that to write to you in our name.

What we did: mail to you goes another way now, as this one does.

What to do:
- Do not follow links in mail that asks you to sign in or to pay: type our address yourself
- Never tell anybody a password or a code; we never ask for them
- Ignore a reset of your password that you did not ask for
""",
    ),
    "de": (
        "Bitte Vorsicht bei Mails in unserem Namen",
        """\
Guten Tag,

einer der Dienste, die unsere Mails befördern, wurde angegriffen. Er kannte Ihre Adresse und wusste,
dass Sie bei uns ein Konto haben. Jemand könnte Ihnen damit in unserem Namen schreiben.

Was wir getan haben: Mails an Sie gehen jetzt einen anderen Weg, so wie diese.

Was Sie tun können:
- Folgen Sie keinen Links in Mails, die Sie zum Anmelden oder Zahlen auffordern: Geben Sie unsere
  Adresse selbst ein
- Nennen Sie niemandem ein Passwort oder einen Code; wir fragen nie danach
- Beachten Sie eine Passwort-Rücksetzung nicht, um die Sie nicht gebeten haben
""",
    ),
    "fr": (
        "Attention aux messages envoyés en notre nom",
        """\
Bonjour,

L'un des services qui acheminent nos messages a été attaqué. Il connaissait votre adresse et savait
que vous avez un compte chez nous. Quelqu'un pourrait s'en servir pour vous écrire en notre nom.

Ce que nous avons fait : nos messages vous parviennent désormais par une autre voie, comme celui-ci.

Ce que vous pouvez faire :
- Ne suivez pas les liens des messages qui vous demandent de vous connecter ou de payer : saisissez
  vous-même notre adresse
- Ne donnez à personne un mot de passe ou un code ; nous ne les demandons jamais
- Ignorez une réinitialisation de mot de passe que vous n'avez pas demandée
""",
    ),
    "es": (
        "Tenga cuidado con los mensajes en nuestro nombre",
        """\
Hola:

Uno de los servicios que llevan nuestro correo fue atacado. Conocía su dirección y sabía que tiene
una cuenta con nosotros. Alguien podría usarlo para escribirle en nuestro nombre.

Qué hemos hecho: nuestro correo le llega ahora por otra vía, como este mensaje.

Qué puede hacer:
- No siga enlaces de mensajes que le pidan iniciar sesión o pagar: escriba usted nuestra dirección
- No diga a nadie una contraseña o un código; nosotros nunca los pedimos
- Ignore un cambio de contraseña que no haya pedido
""",
    ),
}


def write(sender: str, sender_name: str, address: str, locale: str) -> Content:
    """The mail.

    Args:
        locale: as the account has it (BCP 47); "": not known.
    """
    subject, text = TEXTS[language.of(locale)]
    return Content(sender=sender, sender_name=sender_name, to=address, subject=subject, text=text)
