"""The connection string: everything that Microsoft.Data.SqlClient reads, and what is said about the rest."""

import pytest

from entrypoint.sqlserver import keywords
from entrypoint.sqlserver.connection_string import ConnectionString, ConnectionStringError, parse


LOGIN = "Database=Octopus;User ID=sa;Password=hunter2"
SECRET = "s3cr3t"


def refusal(text: str) -> str:
    """Return what `parse` says about `text`."""
    with pytest.raises(ConnectionStringError) as caught:
        parse(text)
    assert all(sentence.endswith((".", "?")) for sentence in caught.value.sentences)
    return str(caught.value)


def with_server(server: str) -> ConnectionString:
    """Parse a connection string that is right but for `server`."""
    return parse(f'Server="{server}";{LOGIN}')


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("plain", "plain"),
        ("  inner  blanks  ", "inner  blanks"),
        ("a=b==c", "a=b==c"),
        ("{brace}", "{brace}"),
        ("a'b", "a'b"),
        ('a"b', 'a"b'),
        ("'a;b'", "a;b"),
        ("'it''s'", "it's"),
        ('"say ""hi"""', 'say "hi"'),
        ('"it\'s"', "it's"),
        ("'say \"hi\"'", 'say "hi"'),
        ("'  kept  ' ", "  kept  "),
        ("'two\nlines'", "two\nlines"),
        ("'tab\x01'", "tab\x01"),
        ("''", ""),
        ("", ""),
        ("pä€ß𝄞", "pä€ß𝄞"),
    ],
)
def test_values(written: str, value: str) -> None:
    """A value is what SqlClient reads, quoted or not, at the end or before the next keyword."""
    assert parse(f"Server=db;Database=o;User=sa;Password={written}").password == value
    assert parse(f"Password={written};Server=db;Database=o;User=sa").password == value


@pytest.mark.parametrize(
    "text",
    [
        "SERVER=db;DATABASE=o;UID=sa;PWD=p",
        "data source=db;initial catalog=o;user id=sa;password=p",
        "Addr=db;Database=o;User=sa;Password=p;",
        " ; ;Address = db ;\tDatabase\t=\to; User  = sa;Password=p ;; ",
        "Network Address='db';Database=\"o\";UID='sa';pwd='p';\0\0 ",
        "Server=other;Database=x;Server=db;Database=o;User=sa;Password=q;Pwd=p",
        "Server=db\n;Database=o\r\n;User=sa;Password=p",
    ],
)
def test_spellings(text: str) -> None:
    """Keywords may be synonyms, in any case, with blanks around; the last one wins."""
    found = parse(text)
    assert (found.host, found.database, found.user, found.password) == ("db", "o", "sa", "p")


def test_every_keyword_is_known() -> None:
    """Each keyword and synonym of SqlClient is accepted in any case."""
    fitting = ("True", "1", "ReadOnly", "AAS", "Enabled", "Auto", "Latest", "Implicit Unbind", "IPv6First")
    for name, keyword in keywords.BY_NAME.items():
        others = {"Sql Password", "no", "1000", *fitting}
        value = next(value for value in sorted(others) if keyword.check(value) is None)
        parse(f"Server=db;Database=o;User=u;{name.upper()}={value};{name}=;Server=db;Database=o;User=u")


def test_an_empty_value_is_the_default() -> None:
    """`Encrypt=` takes back an earlier one."""
    assert parse(f"Server=db;{LOGIN};Encrypt=False;Encrypt=").encrypt == "mandatory"
    assert parse(f"Server=db;{LOGIN};Connect Timeout=3;Timeout=").connect_timeout == 15


@pytest.mark.parametrize(
    ("word", "meaning"),
    [
        ("True", "mandatory"),
        ("yes", "mandatory"),
        ("Mandatory", "mandatory"),
        ("FALSE", "optional"),
        ("no", "optional"),
        ("Optional", "optional"),
        ("' strict '", "strict"),
    ],
)
def test_encrypt(word: str, meaning: str) -> None:
    """Encrypt has three meanings and seven words."""
    assert parse(f"Server=db;{LOGIN};Encrypt={word}").encrypt == meaning


def test_options() -> None:
    """What has no field of its own is kept under SqlClient's spelling; flags are read as SqlClient does."""
    found = parse(
        f"Server=db;{LOGIN};trustservercertificate=yes;MultiSubnetFailover=True;App=x;WSID=y;Timeout=+7;"
        "Authentication=Sql Password"
    )
    assert found.trust_server_certificate
    assert found.multi_subnet_failover
    assert found.connect_timeout == 7
    assert found.authentication == "sqlpassword"
    assert found.options == {"Application Name": "x", "Workstation ID": "y"}


@pytest.mark.parametrize("word", ["SSPI", "true", "Yes"])
def test_integrated(word: str) -> None:
    """Integrated security needs no user, and takes SSPI for yes."""
    assert parse(f"Server=db;Database=o;Trusted_Connection={word}").integrated


@pytest.mark.parametrize(
    ("server", "host", "port", "instance", "address"),
    [
        ("db", "db", None, None, "db,1433"),
        ("tcp:db,1500", "db", 1500, None, "db,1500"),
        (" TCP : db , 1500 ", "db", 1500, None, "db,1500"),
        ("db,1500", "db", 1500, None, "db,1500"),
        ("db\\inst", "db", None, "inst", "db\\inst"),
        ("tcp:db\\inst,1500", "db", 1500, None, "db,1500"),
        ("db,1500\\inst", "db", 1500, None, "db,1500"),
        (".", "localhost", None, None, "localhost,1433"),
        ("(local)", "localhost", None, None, "localhost,1433"),
        (".\\inst", "localhost", None, "inst", "localhost\\inst"),
        ("localhost", "localhost", None, None, "localhost,1433"),
        ("::1", "::1", None, None, "::1,1433"),
        ("[::1],1433", "::1", 1433, None, "::1,1433"),
        ("tcp:fe80::1%eth0,1433", "fe80::1%eth0", 1433, None, "fe80::1%eth0,1433"),
        ("10.0.0.1", "10.0.0.1", None, None, "10.0.0.1,1433"),
    ],
)
def test_server(server: str, host: str, port: int | None, instance: str | None, address: str) -> None:
    """`Server=` has a host, perhaps a port or an instance; the port goes first, as with SqlClient."""
    found = with_server(server)
    assert (found.host, found.port, found.instance, found.address) == (host, port, instance, address)
    assert found.server == server


@pytest.mark.parametrize(
    ("server", "said"),
    [
        ("np:db", "named pipes"),
        ("\\\\db\\pipe\\sql\\query", "named pipes"),
        ("lpc:db", "shared memory"),
        ("admin:db", "administrators"),
        ("(localdb)\\MSSQLLocalDB", "LocalDB"),
        ("db:1433", "after a comma"),
        ("[db],1433", "after a comma"),
        ("http://db", "after a comma"),
        ("db/x", "no host name has"),
        ("db,", "no port number"),
        ("db,0", "no port number"),
        ("db,65536", "no port number"),
        ("db,http", "no port number"),
        ("db\\", "no instance name"),
        ("db\\MSSQLSERVER", "leave it out"),
    ],
)
def test_servers_refused(server: str, said: str) -> None:
    """What Linux can't do, or nobody can, is refused with the reason."""
    with pytest.raises(ConnectionStringError, match=f"`Server` in the connection string .*{said}"):
        with_server(server)


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (f"Server=db;Pasword={SECRET}", "`pasword` (character 11) is unknown: is `Password` meant"),
        (f"Databse={SECRET};Server=db", "`databse` (character 1) is unknown: is `Database` meant"),
        (f"Network Library={SECRET}", "knows none of that name"),
        (f"{LOGIN};Pasword={SECRET}", "(character 46) is unknown: if `Password` is meant"),
        (f"Password=a;{SECRET}=b", "A keyword of the connection string (character 12) is unknown"),
        (f"Password=a;{SECRET};Server=db", "(character 12) is unknown"),
        (f"Server=db;Password=a;{SECRET}", "begins at character 22, there is no `keyword=value`"),
        (SECRET, "begins at character 1, there is no"),
        (f"Server=db;Password='{SECRET}", "begins at character 11, the quote ' around the value isn't closed"),
        (f"Server=db;Password='{SECRET}'x", "character 11, something follows the quoted value"),
        (f"Server=db;Password={SECRET}'", "character 11, the value ends in a quote"),
        (f"Server=db;Password={SECRET}\x01", "character 11, the value has a control character"),
        (f"Server=db;={SECRET}", "begins at character 11"),
        (f"Password={SECRET}\udcff", "character 16 isn't valid UTF-8"),
        (f"Server=db;{LOGIN};Encrypt={SECRET}", "`Encrypt` in the connection string must be True"),
        (f"Server=db;{LOGIN};Pooling={SECRET}", "`Pooling` in the connection string must be True, False, Yes or No"),
        (f"Server=db;{LOGIN};Timeout={SECRET}", "must be a whole number of 0 or more"),
        (f"Server=db;{LOGIN};Packet Size=1", "must be a whole number from 512 to 32768"),
        (f"Server=db;{LOGIN};Command Timeout=99999999999", "must be a whole number"),
        (f"Server=db;{LOGIN};Application Intent={SECRET}", "must be ReadOnly or ReadWrite"),
        (f"Server=db;{LOGIN};Authentication={SECRET}", "must be Sql Password, Active Directory Password"),
        (f"Server=db;Database=o;User=sa;Password={SECRET * 30}", "may have 128 characters at most"),
        (f"Database=o;User=sa;Password={SECRET}", "has no server"),
        (f"Server=db;User=sa;Password={SECRET}", "has no database"),
        (f"Server=db;Database=o;Password={SECRET}", "has no login"),
        (f"Server=db;{LOGIN};Failover Partner=x;MultiSubnetFailover=yes", "both Failover Partner and Multi"),
        (f"Server=db;{LOGIN};Authentication=ActiveDirectoryMSI", "has both Password"),
        (f"Server=db;{LOGIN};Authentication=SqlPassword;Integrated Security=yes", "has both Authentication"),
    ],
)
def test_refusals(text: str, said: str) -> None:
    """What is wrong is said with its place or keyword, and nothing that may be a part of the password."""
    sentence = refusal(text)
    assert said in sentence
    assert SECRET not in sentence
    assert "hunter2" not in sentence


def test_all_problems_at_once() -> None:
    """Somebody who mends a connection string isn't sent round once for each mistake."""
    assert len(refusal("Encrypt=maybe;Max Pool Size=0").split("connection string")) == 6


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            f"Databse=o;Encrpt=yes;Server=db:1433;Password={SECRET};Pooling=maybe;Nonsense=1",
            ("`databse` (character 1)", "(character 11)", "(character 67)", "`Pooling`", "after a comma", "no login"),
        ),
        (f"Nonsense=1;Server=db;Timeout=soon;Password='{SECRET}", ("`nonsense`", "`Connect Timeout`", "isn't closed")),
        (f"Nonsense=1;Database=o;User=sa;Password={SECRET}", ("`nonsense`", "has no server")),
        (f"Servr=db;Databse=o;Usr ID=sa;Password={SECRET}", ("`servr`", "(character 10)", "(character 20)")),
    ],
)
def test_several_faults_are_told_together(text: str, said: tuple[str, ...]) -> None:
    """Unknown keywords, unfit values, what is missing and where it can't be read on: each once, and no guess twice."""
    with pytest.raises(ConnectionStringError) as caught:
        parse(text)
    assert len(caught.value.sentences) == len(said)
    for words in said:
        assert sum(words in sentence for sentence in caught.value.sentences) == 1, words
    assert SECRET not in str(caught.value)


def test_a_misspelt_password_stays_a_secret() -> None:
    """After a keyword that isn't known a value may go on behind a `;`: no name is told from there."""
    said = refusal(f"Server=db;Database=o;User=sa;Pasword=a;{SECRET}=b;{SECRET}x=c")
    assert "`pasword`" in said
    assert SECRET not in said


@pytest.mark.parametrize("method", keywords.AUTHENTICATION)
def test_authentication(method: str) -> None:
    """Each way to authenticate may be written with spaces or without."""
    for spelling in (method, method.replace(" ", "").upper()):
        found = parse(f"Server=db;Database=o;Authentication={spelling}")
        assert found.authentication == method.replace(" ", "").lower()


def test_repr_hides_secrets() -> None:
    """A connection string in a log line or a traceback shows where, but no password."""
    found = parse(f"Server=db;Database=Octopus;User=sa;Password={SECRET}")
    assert SECRET not in f"{found!r} {found} {[found]}"
    assert "Octopus" in repr(found)
    assert found.text.endswith(SECRET)
