"""The patterns by which the scan after the treatment finds personal values and secrets.

The syntax is what the regular expressions of PostgreSQL, MySQL (ICU), MariaDB (PCRE), and Python have in
common, so that a test can measure every pattern without a database. No pattern starts within a word: long
texts stay fast. Emails, cards, and IBANs need the engine's own SQL: their patterns are in its scan.
"""

from typing import Final

_START, _END = "(?<![0-9A-Za-z])", "(?![0-9A-Za-z])"
_CHAR = "[A-Za-z0-9_-]"

# The encodings of a character in URLs, HTML, and JSON; a text can mix them.
AT: Final = "(?:@|%40|&#0*64;|&#[xX]0*40;|&commat;|\\\\u0040)"
_ENCODED_AT = AT.replace("@|", "")
_PLUS = "(?:\\+|%2[bB]|&#0*43;|&#[xX]0*2[bB];|&plus;|\\\\u002[bB])"
_DOT = "(?:\\.|%2[eE]|&#0*46;|&#[xX]0*2[eE];|\\\\u002[eE])"
ENCODED_EMAIL: Final = f"[A-Za-z0-9._+-]{_ENCODED_AT}(?:[A-Za-z0-9-]+{_DOT})+[A-Za-z]{{2,}}"
PLAIN_EMAIL: Final = "[A-Za-z0-9._+-]{2,}@[A-Za-z0-9-]{2,}\\.[A-Za-z.]{2,}"  # in decoded Base64
BASE64: Final = "[A-Za-z0-9+/_-]{16,}"

# Calling codes that are assigned (ITU-T E.164, compiled from the metadata of libphonenumber 9.0).
_CALLING_CODE = (
    "(?:[17]|2(?:[07]|1[12368]|[2346][0-9]|5[0-8]|9[01789])|3(?:[0-469]|5[0-9]|7[0-8]|8[0-35-79])"
    "|4(?:[013-9]|2[013])|5(?:[09][0-9]|[1-8])|6(?:[0-6]|7[02-9]|8[0-35-9]|9[0-2])"
    "|8(?:[07][08]|[1246]|5[02356]|8[0-368])|9(?:[0-58]|6[0-8]|7[0-79]|9[2-68]))"
)
_NO_DATE = "(?![0-3]?[0-9][./-][01]?[0-9][./-](?:(?:19|20)[0-9]{2}|[0-9]{2})(?![./-]?[0-9]))"
_BEFORE = "(?<![0-9A-Za-z_.,/-])"
_AFTER = "(?![0-9A-Za-z_]|[.,-][0-9])"
# National formats, merged from those of the metadata. Formats that amounts, dates, and codes have too are
# left out: a run of digits, and groups such as 12 34 56 78.
_NATIONAL = (
    # (0171) 2345678, (212) 555-0134, (11) 98765-4321
    "\\(0?[1-9][0-9 ]{0,5}\\)[ /-]?[0-9]{2,5}(?:[ ./-]?[0-9]{2,5}){1,3}",
    # 0171 2345678, 06 12 34 56 78, 020 7946 0018, 030-901820, 0171/2345678
    "(?!0[0-9]{2}-[0-9]{2}-[0-9]{4}(?![0-9]))(?=(?:0[ ./-]?(?:[0-9][ ./-]{0,2}){7,11}[0-9]"
    "(?![0-9])))0[1-9][0-9]{0,4}(?:(?: ?[/-] ?|[ .])[0-9]{2,10}){1,5}",
    # Mobile numbers in a run of digits, where their prefix is typical: DE, GB, FR
    "(?:01[567][0-9]{8,9}|07[1-9][0-9]{8}|0[67][0-9]{8})",
    # 8 (912) 345-67-89
    "8[ -]?\\(?[3489][0-9]{2}\\)?[ -][0-9]{3}[ -][0-9]{2}[ -]?[0-9]{2}",
    # 212-555-0134, 415.555.0134, 1-800-555-0199
    "(?:1[ .-])?[2-9][0-9]{2}[ .-][1-9][0-9]{2}[ .-][0-9]{4}",
    # 612 34 56 78, 22 123 45 67, 600 123 456, 91 123 45 67
    "[5-9][0-9]{2} [0-9]{2} [0-9]{2} [0-9]{2}|[1-9][0-9] [0-9]{3} (?:[0-9]{2} [0-9]{2}|[0-9]{4})"
    "|[5-9][0-9]{2}[ -][0-9]{3}[ -][0-9]{3}",
    # 138 1234 5678, 11 98765-4321
    "1[3-9][0-9] [0-9]{4} [0-9]{4}|[1-9][0-9] 9[0-9]{4}-[0-9]{4}",
)  # fmt: skip
_INTERNATIONAL = (
    f"{_PLUS}{_CALLING_CODE}[ (./-]{{0,3}}(?:[0-9][ ()./-]{{0,3}}){{4,12}}[0-9]",
    f"00{_CALLING_CODE}[ (./-]{{1,3}}(?:[0-9][ ()./-]{{0,3}}){{5,12}}[0-9]",
)
PHONE: Final = tuple(f"{_BEFORE}{_NO_DATE}(?:{shape}){_AFTER}" for shape in (*_INTERNATIONAL, *_NATIONAL))

# Official numbers with a format that other numbers do not have.
_LABELED = (
    "(?:[Ss][Ss][Nn]|[Nn][Ii][Nn][Oo]|NHS|SIN|TFN|BSN|bsn|PESEL|pesel|CPF|cpf|DNI|dni|NIF|NIR|OIB|JMBG"
    "|EGN|CNP|TCKN"
    "|[Aa]adhaar|[Pp]assport|[Pp]asseport|[Pp]asaporte|[Rr]eisepass|[Ss]teuer-?[Ii][Dd]|SVNR|[Pp]ersonnummer)"
    "(?: ?(?:[Nn]o|[Nn]r|[Nn]umber"
    "|[Ii][Dd])\\.?)?[ :#=]{1,3}(?=(?:[A-Z .-]*[0-9]){4})[A-Z0-9](?:[ .-]?[A-Z0-9]){6,14}"
)
NATIONAL_ID: Final = (
    f"{_BEFORE}(?!000|666|9)[0-9]{{3}}-(?!00)[0-9]{{2}}-(?!0000)[0-9]{{4}}{_AFTER}",  # United States: SSN
    f"{_START}[A-Z]{{6}}[0-9]{{2}}[A-EHLMPRST][0-9]{{2}}[A-Z][0-9]{{3}}[A-Z]{_END}",  # Italy: codice fiscale
    # United Kingdom: National Insurance number
    f"{_START}(?!BG|GB|KN|NK|NT|TN"
    f"|ZZ)[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z] ?[0-9]{{2}} ?[0-9]{{2}} ?[0-9]{{2}} ?[A-D]{_END}",
    f"{_START}[A-Z]{{4}}[0-9]{{6}}[HM][A-Z]{{5}}[A-Z0-9][0-9]{_END}",  # Mexico: CURP
    f"{_BEFORE}[0-9]{{3}}\\.[0-9]{{3}}\\.[0-9]{{3}}-[0-9]{{2}}{_AFTER}",  # Brazil: CPF
    f"{_BEFORE}756\\.[0-9]{{4}}\\.[0-9]{{4}}\\.[0-9]{{2}}{_AFTER}",  # Switzerland: AHV number
    # Sweden, Denmark, Finland: the date of birth, and a number
    f"{_BEFORE}(?:19|20)?[0-9]{{2}}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])[-+][0-9]{{4}}{_AFTER}",
    f"{_BEFORE}(?:0[1-9]|[12][0-9]|3[01])(?:0[1-9]|1[0-2])[0-9]{{2}}-[0-9]{{4}}{_AFTER}",
    f"{_BEFORE}(?:0[1-9]|[12][0-9]|3[01])(?:0[1-9]|1[0-2])[0-9]{{2}}[-+A][0-9]{{3}}[0-9A-FHJ-NPR-Y]{_END}",
    f"(?<![0-9] ){_BEFORE}[2-9][0-9]{{3}} [0-9]{{4}} [0-9]{{4}}(?! ?[0-9]){_AFTER}",  # India: Aadhaar
    f"{_START}[A-Z]{{3}}[ABCFGHJLPT][A-Z][0-9]{{4}}[A-Z]{_END}",  # India: PAN
    # France
    f"{_BEFORE}[12] [0-9]{{2}} (?:0[1-9]|1[0-2]) (?:[0-9]{{2}}"
    f"|2[AB]) [0-9]{{3}} [0-9]{{3}}(?: [0-9]{{2}})?{_AFTER}",
    f"{_START}{_LABELED}{_END}",
)
# Official numbers with check digits, which SQL computes: the pattern of each.
SPANISH_ID: Final = f"{_START}[XYZ0-9][0-9]{{7}}-?[A-HJ-NP-TV-Z]{_END}"
POLISH_ID: Final = (
    f"{_BEFORE}[0-9]{{2}}(?:[02468][1-9]|[13579][0-2])(?:0[1-9]|[12][0-9]|3[01])[0-9]{{5}}{_AFTER}"
)
FRENCH_ID: Final = f"{_BEFORE}[12][0-9]{{2}}(?:0[1-9]|1[0-2])[0-9]{{10}}{_AFTER}"
# Real Decreto 1553/2005: the letter is the number modulo 23.
SPANISH_LETTERS: Final = "TRWAGMYFPDXBNJZSQVHLCKE"  # pragma: allowlist secret
POLISH_WEIGHTS: Final = (1, 3, 7, 9, 1, 3, 7, 9, 1, 3, 1)  # PESEL: the weighted sum is 0 modulo 10
FRENCH_MODULUS: Final = 97  # NIR: the number and its key are 97 modulo 97

# Private and documentation addresses (RFC 1918, 5735, 5737, 3927, 3849) identify nobody.
_OCTET = "(?:25[0-5]|2[0-4][0-9]|1[0-9][0-9]|[1-9]?[0-9])"
_NOT_PRIVATE = (
    "(?!0\\.|10\\.|127\\.|169\\.254\\.|192\\.168\\.|172\\.(?:1[6-9]|2[0-9]|3[01])\\."
    "|192\\.0\\.2\\.|198\\.51\\.100\\.|203\\.0\\.113\\.|255\\.)"
)
_HEX = "[0-9A-Fa-f]{1,4}"
IP: Final = (
    f"(?<![0-9A-Za-z.])(?<![vV] ){_NOT_PRIVATE}{_OCTET}(?:\\.{_OCTET}){{3}}(?![0-9A-Za-z]|\\.[0-9])",
    f"(?<![0-9A-Za-z:.])(?!2001:0?[dD][bB]8)(?:{_HEX}:){{7}}{_HEX}(?![0-9A-Za-z:])",
    f"(?<![0-9A-Za-z:.])(?!2001:0?[dD][bB]8)(?:[23][0-9A-Fa-f]{{3}}|[fF][eE]80|[fF][dD][0-9A-Fa-f]{{2}})"
    f"(?::{_HEX}){{0,6}}::(?:{_HEX}:){{0,5}}{_HEX}(?![0-9A-Za-z:])",
)
MAC: Final = (
    "(?<![0-9A-Fa-f:-])(?!00[:-]00[:-]00[:-]00[:-]00[:-]00|[fF]{2}[:-][fF]{2}[:-][fF]{2}[:-][fF]{2})"
    "(?:[0-9A-Fa-f]{2}:){5}[0-9A-Fa-f]{2}(?![0-9A-Fa-f:-])",
    "(?<![0-9A-Fa-f:-])(?!00-00-00-00-00-00|[fF]{2}-[fF]{2}-[fF]{2})"
    "(?:[0-9A-Fa-f]{2}-){5}[0-9A-Fa-f]{2}(?![0-9A-Fa-f:-])",
    "(?<![0-9A-Fa-f.])[0-9a-f]{4}\\.[0-9a-f]{4}\\.[0-9a-f]{4}(?![0-9A-Fa-f.])",
)
# Hashes of passwords, in the formats of crypt(3), PHC, LDAP, and the common frameworks.
PASSWORD_HASH: Final = (
    "\\$2[abxy]?\\$[0-9]{2}\\$[./A-Za-z0-9]{53}",
    "\\$argon2(?:id|i|d)\\$|\\$scrypt\\$|\\$s[01]\\$[0-9a-f]{4,}\\$|\\$pbkdf2[A-Za-z0-9-]*\\$"
    "|\\$y\\$[./A-Za-z0-9]+\\$|\\$7\\$[./A-Za-z0-9]{11}",
    "\\$(?:1|5|6|apr1)\\$(?:rounds=[0-9]+\\$)?[./A-Za-z0-9]{1,16}\\$[./A-Za-z0-9]{22,}",
    "\\$[PHS]\\$[./A-Za-z0-9]{31,}",
    "pbkdf2_sha(?:1|256|512)\\$[0-9]+\\$|pbkdf2:sha(?:1|256|512):|scrypt:[0-9]+:[0-9]+:[0-9]+\\$"
    "|bcrypt_sha256\\$",
    "\\{(?:SSHA|SSHA256|SSHA512|SMD5|CRYPT|PBKDF2[A-Z0-9-]*|BCRYPT|bcrypt|ARGON2)\\}[A-Za-z0-9+/=$.]{16,}",
    "(?:sha1|sha256|md5)\\$[A-Za-z0-9]{1,32}\\$[0-9a-f]{32,}",
    f"{_START}SCRAM-SHA-256\\$[0-9]+:",
    "\\*[0-9A-F]{40}(?![0-9A-F])",  # MySQL: mysql_native_password
)
# Keys and tokens in the formats of their providers.
KEY: Final = (
    f"{_START}(?:AKIA|ASIA|ABIA|ACCA)[0-9A-Z]{{16}}{_END}",  # AWS
    "-----BEGIN (?:[A-Z0-9 ]*PRIVATE KEY|PGP MESSAGE)|PuTTY-User-Key-File|AGE-SECRET-KEY-1",
    "gh[pousr]_[A-Za-z0-9]{16}|github_pat_[A-Za-z0-9_]{16}",  # GitHub
    f"gl(?:pat|dt|rt|cbt|ptt|ft|imt|agent|oas|soat)-{_CHAR}{{16}}",  # GitLab
    "xox[abeoprs]-[0-9A-Za-z-]{10,}|xapp-[0-9]-[A-Z0-9]+-[0-9]+-[a-z0-9]+",  # Slack
    "hooks\\.slack\\.com/services/T[A-Za-z0-9_/]{16}|discord(?:app)?\\.com/api/webhooks/[0-9]{16}",
    "[spr]k_(?:live|test)_[0-9A-Za-z]{16,}|whsec_[0-9A-Za-z+/=]{16}",  # Stripe
    f"AIza{_CHAR}{{16}}|ya29\\.{_CHAR}{{16}}|GOCSPX-{_CHAR}{{16}}|1//0{_CHAR}{{16}}",  # Google
    f"eyJ{_CHAR}{{10,}}\\.eyJ",  # JSON Web Token
    f"{_START}sk-(?:proj-|ant-|svcacct-|admin-|or-v1-)?{_CHAR}{{16}}|{_START}hf_[A-Za-z0-9]{{16}}"
    f"|{_START}gsk_[A-Za-z0-9]{{16}}",
    f"SG\\.{_CHAR}{{16,}}\\.{_CHAR}{{16,}}|{_START}key-[0-9a-f]{{32}}{_END}|xkeysib-[0-9a-f]{{16}}"
    f"|[0-9a-f]{{16}}-us[0-9]{{1,2}}{_END}",
    f"{_START}(?:SK|AC)[0-9a-f]{{32}}{_END}",  # Twilio
    f"{_START}npm_[A-Za-z0-9]{{16}}|pypi-AgE{_CHAR}{{16}}|dckr_pat_{_CHAR}{{16}}"
    f"|rubygems_[0-9a-f]{{16}}|oy2[a-z0-9]{{16}}",
    f"shp(?:at|ca|pa|ss)_[0-9a-fA-F]{{16}}|do[por]_v1_[0-9a-f]{{16}}|sq0(?:atp|csp|idp)-{_CHAR}{{16}}"
    f"|EAAA[lE]{_CHAR}{{16}}",
    f"{_START}[0-9]{{8,10}}:AA{_CHAR}{{16}}|EAA[A-Z][0-9A-Za-z]{{16}}",
    f"ATATT3{_CHAR}{{16}}|NRAK-[A-Z0-9]{{16}}|PMAK-[0-9a-f]{{16}}|lin_api_[A-Za-z0-9]{{16}}"
    f"|{_START}ntn_[A-Za-z0-9]{{16}}|dapi[0-9a-f]{{16}}",
    f"{_START}dp\\.(?:pt|st|ct)\\.[A-Za-z0-9]{{16}}|HRKU-{_CHAR}{{16}}|hv[sbr]\\.{_CHAR}{{16}}"
    f"|tskey-[a-z]+-[A-Za-z0-9-]{{16,}}",
    "(?:AccountKey|SharedAccessKey|sig)=[A-Za-z0-9+/%]{16}",  # Azure
    "[Aa]uthorization[\"']?[ :=]+[\"']?(?:[Bb]earer|[Bb]asic|[Tt]oken) [A-Za-z0-9+/=._~-]{12,}"
    "|[Bb]earer [A-Za-z0-9+/=._~-]{16}",
    "[a-z][a-z0-9+.-]*://[^/ :@]+:[^/ @]{3,}@[A-Za-z0-9.-]",  # a URL with a password
    # password=…, "api_key": "…": with a digit in it
    "(?:[Pp]assword|PASSWORD|[Pp]asswd|[Pp]wd|PWD|[Ss]ecret|SECRET|[Aa]pi_?[Kk]ey|API_?KEY"
    "|[Aa]ccess_?[Tt]oken|[Pp]asswort|[Kk]ennwort)"
    "[\"']? ?[:=] ?[\"']?(?=[^ \"',;<]*[0-9])[^ \"',;<]{6,}",
)
# What every match of a kind contains: a fast test without look-around, which most texts fail.
PREFILTERS: Final = {
    # "@" itself, its encodings, and what Base64 makes of it in each of its three positions
    "email": "@|%40|&#|&[cC][oO][mM][mM][aA][tT]|\\\\[uU]0040|Q[A-P]|[EUk0][A-D]|[BFJNRVZdhlptx159]A",
    "card": "[3-6][0-9](?:[ -]?[0-9]){11}",
    "iban": "[A-Z]{2}[0-9]{2}",
    "phone": "\\+[ (]{0,2}[0-9]|2[bB];?[ (]?[0-9]|&#|&plus|[0-9](?:[ ()./-]{0,3}[0-9]){8}",
    "national_id": "[0-9](?:[ .-]?[0-9]){8}|[0-9]{6}[-+A][0-9]|[A-Z]{4}[0-9]|[0-9]{7}-?[A-Z]"
    "|[A-Z]{2} ?[0-9]{2} ?[0-9]{2} ?[0-9]{2}|(?:[Ss][Nn]|NO|no|HS|IN|FN|SEL|sel|PF|pf|NI|ni|IF|IR"
    "|IB|BG|GN|NP|KN|aar|ort|rte|ass|[Ii][Dd]|NR|mer)(?: ?[Nn][or]\\.?| ?[Nn]umber)?[ :#=]{1,3}[A-Z0-9]",
    "ip": "[0-9]\\.[0-9]{1,3}\\.[0-9]{1,3}\\.[0-9]|:[0-9A-Fa-f]{0,4}:",
    "mac": "[0-9A-Fa-f]{2}[:-][0-9A-Fa-f]{2}[:-][0-9A-Fa-f]{2}[:-]|[0-9a-f]{4}\\.[0-9a-f]{4}\\.",
    "password_hash": "[$}][A-Za-z0-9$]|\\*[0-9A-F]{8}|pbkdf2:|scrypt:",
    "key": "A[KSBC][IC]A|----BEGIN|PuTTY|AGE-SEC|gh[a-z]_|github_|gl[a-z]+-|xox|xapp|s\\.slack|/webhook"
    "|_live_"
    "|_test_|whsec|AIza|ya29|GOCSP|1//0|eyJ|sk-|hf_|gsk_|SG\\.|key-|-us[0-9]|SK[0-9a-f]|AC[0-9a-f]|npm_|pypi-"
    "|dckr|rubyg|oy2|shp[a-z]|_v1_|sq0|EAA|:AA|ATATT|NRAK|PMAK|lin_|ntn_|dapi|dp\\.|HRKU|hv[a-z]\\."
    "|tskey|Key="
    "|sig=|uthoriz|earer|://[^/ ]*:|assw|ASSW|[Pp]wd|PWD|ecret|ECRET|pi_?[Kk]ey|PI_?KEY|oken|ennw",
}
