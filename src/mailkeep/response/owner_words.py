"""What a notice to an owner says, by language (BCP 47); ``owner_mail`` puts it together.

``{at}`` is nothing, or the application whose user is written to.
"""

import msgspec


class Words(msgspec.Struct, frozen=True):
    """One language.

    Attributes:
        at: follows the words for an account that an application keeps.
        happened: by what we believe (``owner_mail.Why``).
        outcomes: what may have happened to an account.
        handed_over: the worst of them, of a user of an application: it sets the password, not we.
        other_way, two_ways, closed: what we did.
        reset, reset_there, elsewhere, nothing: what to do.
        factor, no_factor: of an account of ours.
        factor_here, factor_there: of a user of an application, by who keeps it.
    """

    subject: str
    subject_worst: str
    hello: str
    at: str
    happened: dict[str, str]
    when: str
    what: str
    outcomes: dict[str, str]
    handed_over: str
    did: str
    other_way: str
    two_ways: str
    closed: str
    todo: str
    reset: str
    reset_there: str
    elsewhere: str
    nothing: str
    factor: str
    no_factor: str
    factor_here: str
    factor_there: str
    never: str


TEXTS = {
    "en": Words(
        subject="Somebody asked to reset your password{at}",
        subject_worst="Your password{at} was reset, perhaps not by you",
        hello="Hello,",
        at=" at {application}",
        happened={
            "suspect": "We believe that somebody could read mail at one of the services that "
            "carry ours. While that was so, somebody asked for a password reset of your "
            "account{at}.",
            "account": "We believe that somebody other than you may be trying to get into your "
            "account{at}. A password reset was asked for it.",
            "campaign": "We believe that somebody asks for password resets of many accounts that "
            "are not theirs. One was asked for your account{at}.",
        },
        when="When: between {start} and {end}, UTC.",
        what="What happened to your account{at}: {outcome}",
        outcomes={
            "completed": "The password was replaced with the help of that mail. If that was not "
            "you, somebody else has replaced it.",
            "stopped_by_factor": "Somebody had the mail that was needed and was stopped by your "
            "second factor. Your password was not changed.",
            "half_proven": "Somebody used one of the two mails that are needed, and not the "
            "other. Your password was not changed.",
            "requested": "Nobody completed it. Your password was not changed.",
        },
        handed_over="With the help of that mail somebody was let set a new password at "
        "{application}. If that was not you, somebody else may have replaced it.",
        did="What we did: {did}",
        other_way="This mail comes another way, which that service cannot read.",
        two_ways="No reset works without two mails that travel different ways.",
        closed="We may have closed the account for a while: then nobody can sign in, you neither. "
        "It opens again by itself, and then wants a new password.",
        todo="What to do:",
        reset="If it was not you, or if you cannot sign in, reset the password at {url} (this "
        "works while the account is closed, too)",
        reset_there="If it was not you, or if you cannot sign in, reset the password at {where}, "
        "and tell {application}",
        elsewhere="Change that password wherever else you used it",
        nothing="Nothing, if you did not ask for it: ignore the mail of the reset",
        factor="The account has a second factor. If it is yours, keep it: it stops whoever can "
        "read your mail. If you did not add it, tell us",
        no_factor="A second factor stops whoever can read your mail: sign in at {url} and add one",
        factor_here="We keep a second factor for this account. If it is yours, keep it: it stops "
        "whoever can read your mail. If you did not add it, tell {application}",
        factor_there="{application} has a second factor of this account. If it is yours, keep it: "
        "it stops whoever can read your mail. If you did not add it, tell {application}",
        never="We never ask for your password or for a code by mail.",
    ),
    "de": Words(
        subject="Jemand wollte Ihr Passwort{at} zurücksetzen",
        subject_worst="Ihr Passwort{at} wurde zurückgesetzt, vielleicht nicht von Ihnen",
        hello="Guten Tag,",
        at=" bei {application}",
        happened={
            "suspect": "wir glauben, dass jemand bei einem der Dienste mitlesen konnte, die "
            "unsere Mails befördern. In dieser Zeit hat jemand verlangt, das Passwort Ihres "
            "Kontos{at} zurückzusetzen.",
            "account": "wir glauben, dass jemand anderes als Sie versucht, in Ihr Konto{at} zu "
            "kommen. Für dieses wurde eine Rücksetzung des Passworts verlangt.",
            "campaign": "wir glauben, dass jemand für viele fremde Konten die Rücksetzung des "
            "Passworts verlangt. Auch für Ihr Konto{at} wurde eine verlangt.",
        },
        when="Wann: zwischen {start} und {end}, UTC.",
        what="Was mit Ihrem Konto{at} geschah: {outcome}",
        outcomes={
            "completed": "Das Passwort wurde mit Hilfe der Mail zur Rücksetzung ersetzt. Wenn Sie "
            "das nicht waren, hat es jemand anderes ersetzt.",
            "stopped_by_factor": "Jemand hatte die nötigen Mails und kam an Ihrem zweiten Faktor "
            "nicht vorbei. Ihr Passwort wurde nicht geändert.",
            "half_proven": "Jemand hat eine der beiden nötigen Mails benutzt und die andere "
            "nicht. Ihr Passwort wurde nicht geändert.",
            "requested": "Niemand hat die Rücksetzung zu Ende geführt. Ihr Passwort wurde nicht "
            "geändert.",
        },
        handed_over="Mit Hilfe der Mail zur Rücksetzung durfte jemand bei {application} ein neues "
        "Passwort setzen. Wenn Sie das nicht waren, hat es vielleicht jemand anderes ersetzt.",
        did="Was wir getan haben: {did}",
        other_way="Diese Mail kommt auf einem anderen Weg, den jener Dienst nicht mitlesen kann.",
        two_ways="Keine Rücksetzung gelingt ohne zwei Mails, die verschiedene Wege gehen.",
        closed="Vielleicht haben wir das Konto für eine Weile geschlossen: Dann kann sich niemand "
        "anmelden, auch Sie nicht. Es öffnet sich von selbst wieder und verlangt dann ein neues "
        "Passwort.",
        todo="Was Sie tun können:",
        reset="Wenn Sie es nicht waren oder sich nicht anmelden können, setzen Sie das Passwort "
        "zurück: {url} (das geht auch, solange das Konto geschlossen ist)",
        reset_there="Wenn Sie es nicht waren oder sich nicht anmelden können, setzen Sie das "
        "Passwort zurück: {where}, und sagen Sie {application} Bescheid",
        elsewhere="Ändern Sie dieses Passwort überall, wo Sie es sonst noch benutzt haben",
        nothing="Nichts, wenn Sie nicht darum gebeten haben: Beachten Sie die Mail zur "
        "Rücksetzung nicht",
        factor="Das Konto hat einen zweiten Faktor. Wenn es Ihrer ist, behalten Sie ihn: Er hält "
        "jeden auf, der Ihre Mails lesen kann. Wenn Sie ihn nicht hinzugefügt haben, sagen Sie "
        "uns Bescheid",
        no_factor="Ein zweiter Faktor hält jeden auf, der Ihre Mails lesen kann: Melden Sie sich "
        "an und fügen Sie einen hinzu: {url}",
        factor_here="Wir verwahren einen zweiten Faktor für dieses Konto. Wenn es Ihrer ist, "
        "behalten Sie ihn: Er hält jeden auf, der Ihre Mails lesen kann. Wenn Sie ihn nicht "
        "hinzugefügt haben, sagen Sie {application} Bescheid",
        factor_there="{application} hat einen zweiten Faktor dieses Kontos. Wenn es Ihrer ist, "
        "behalten Sie ihn: Er hält jeden auf, der Ihre Mails lesen kann. Wenn Sie ihn nicht "
        "hinzugefügt haben, sagen Sie {application} Bescheid",
        never="Wir fragen in Mails nie nach Ihrem Passwort oder nach einem Code.",
    ),
    "fr": Words(
        subject="Quelqu'un a demandé à réinitialiser votre mot de passe{at}",
        subject_worst="Votre mot de passe{at} a été réinitialisé, peut-être pas par vous",
        hello="Bonjour,",
        at=" chez {application}",
        happened={
            "suspect": "Nous pensons que quelqu'un a pu lire des messages chez l'un des services "
            "qui acheminent les nôtres. Pendant ce temps, quelqu'un a demandé à réinitialiser le "
            "mot de passe de votre compte{at}.",
            "account": "Nous pensons que quelqu'un d'autre que vous essaie peut-être d'entrer "
            "dans votre compte{at}. Une réinitialisation de son mot de passe a été demandée.",
            "campaign": "Nous pensons que quelqu'un demande à réinitialiser les mots de passe de "
            "nombreux comptes qui ne sont pas les siens. Cela a été demandé pour votre "
            "compte{at}.",
        },
        when="Quand : entre {start} et {end}, UTC.",
        what="Ce qui est arrivé à votre compte{at} : {outcome}",
        outcomes={
            "completed": "Le mot de passe a été remplacé à l'aide du message de réinitialisation. "
            "Si ce n'était pas vous, quelqu'un d'autre l'a remplacé.",
            "stopped_by_factor": "Quelqu'un avait les messages nécessaires et a été arrêté par "
            "votre second facteur. Votre mot de passe n'a pas été changé.",
            "half_proven": "Quelqu'un a utilisé l'un des deux messages nécessaires, et pas "
            "l'autre. Votre mot de passe n'a pas été changé.",
            "requested": "Personne n'a mené la réinitialisation à terme. Votre mot de passe n'a "
            "pas été changé.",
        },
        handed_over="À l'aide du message de réinitialisation, quelqu'un a pu choisir un nouveau "
        "mot de passe chez {application}. Si ce n'était pas vous, quelqu'un d'autre l'a peut-être "
        "remplacé.",
        did="Ce que nous avons fait : {did}",
        other_way="Ce message vous parvient par une autre voie, que ce service ne peut pas lire.",
        two_ways="Aucune réinitialisation n'aboutit sans deux messages qui prennent des voies "
        "différentes.",
        closed="Nous avons peut-être fermé le compte pour un temps : personne ne peut alors s'y "
        "connecter, vous non plus. Il s'ouvre de nouveau de lui-même et demande alors un nouveau "
        "mot de passe.",
        todo="Ce que vous pouvez faire :",
        reset="Si ce n'était pas vous, ou si vous ne pouvez pas vous connecter, réinitialisez le "
        "mot de passe : {url} (cela fonctionne aussi tant que le compte est fermé)",
        reset_there="Si ce n'était pas vous, ou si vous ne pouvez pas vous connecter, "
        "réinitialisez le mot de passe : {where}, et prévenez {application}",
        elsewhere="Changez ce mot de passe partout où vous l'avez utilisé",
        nothing="Rien, si vous ne l'avez pas demandée : ignorez le message de réinitialisation",
        factor="Le compte a un second facteur. S'il est à vous, gardez-le : il arrête quiconque "
        "peut lire vos messages. Si vous ne l'avez pas ajouté, dites-le-nous",
        no_factor="Un second facteur arrête quiconque peut lire vos messages : connectez-vous et "
        "ajoutez-en un : {url}",
        factor_here="Nous gardons un second facteur pour ce compte. S'il est à vous, gardez-le : "
        "il arrête quiconque peut lire vos messages. Si vous ne l'avez pas ajouté, prévenez "
        "{application}",
        factor_there="{application} a un second facteur de ce compte. S'il est à vous, gardez-le "
        ": il arrête quiconque peut lire vos messages. Si vous ne l'avez pas ajouté, prévenez "
        "{application}",
        never="Nous ne demandons jamais votre mot de passe ni un code par message.",
    ),
    "es": Words(
        subject="Alguien pidió restablecer su contraseña{at}",
        subject_worst="Su contraseña{at} fue restablecida, quizá no por usted",
        hello="Hola:",
        at=" en {application}",
        happened={
            "suspect": "Creemos que alguien pudo leer correo en uno de los servicios que llevan "
            "el nuestro. Mientras tanto, alguien pidió restablecer la contraseña de su "
            "cuenta{at}.",
            "account": "Creemos que otra persona puede estar intentando entrar en su cuenta{at}. "
            "Se pidió restablecer su contraseña.",
            "campaign": "Creemos que alguien pide restablecer las contraseñas de muchas cuentas "
            "que no son suyas. También se pidió para su cuenta{at}.",
        },
        when="Cuándo: entre {start} y {end}, UTC.",
        what="Qué pasó con su cuenta{at}: {outcome}",
        outcomes={
            "completed": "La contraseña fue cambiada con ayuda de ese correo. Si no fue usted, "
            "otra persona la ha cambiado.",
            "stopped_by_factor": "Alguien tenía los mensajes necesarios y su segundo factor lo "
            "detuvo. Su contraseña no fue cambiada.",
            "half_proven": "Alguien usó uno de los dos mensajes necesarios, y el otro no. Su "
            "contraseña no fue cambiada.",
            "requested": "Nadie completó el cambio. Su contraseña no fue cambiada.",
        },
        handed_over="Con ayuda de ese correo alguien pudo poner una contraseña nueva en "
        "{application}. Si no fue usted, quizá otra persona la ha cambiado.",
        did="Qué hemos hecho: {did}",
        other_way="Este mensaje llega por otra vía, que ese servicio no puede leer.",
        two_ways="Ningún cambio funciona sin dos mensajes que van por vías distintas.",
        closed="Quizá hemos cerrado la cuenta por un tiempo: entonces nadie puede iniciar sesión, "
        "usted tampoco. Se abre de nuevo por sí sola y entonces pide una contraseña nueva.",
        todo="Qué puede hacer:",
        reset="Si no fue usted, o si no puede iniciar sesión, restablezca la contraseña: {url} "
        "(funciona también mientras la cuenta está cerrada)",
        reset_there="Si no fue usted, o si no puede iniciar sesión, restablezca la contraseña: "
        "{where}, y avise a {application}",
        elsewhere="Cambie esa contraseña en todos los sitios donde la haya usado",
        nothing="Nada, si no lo pidió: ignore el mensaje para restablecerla",
        factor="La cuenta tiene un segundo factor. Si es suyo, consérvelo: detiene a quien pueda "
        "leer su correo. Si no lo añadió usted, avísenos",
        no_factor="Un segundo factor detiene a quien pueda leer su correo: inicie sesión y añada "
        "uno: {url}",
        factor_here="Guardamos un segundo factor de esta cuenta. Si es suyo, consérvelo: detiene "
        "a quien pueda leer su correo. Si no lo añadió usted, avise a {application}",
        factor_there="{application} tiene un segundo factor de esta cuenta. Si es suyo, "
        "consérvelo: detiene a quien pueda leer su correo. Si no lo añadió usted, avise a "
        "{application}",
        never="Nunca pedimos su contraseña ni un código por correo.",
    ),
}
