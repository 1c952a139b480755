"""What the values of settings may be, each with the words for a complaint."""

from typing import Annotated

from msgspec import Meta

Name = Annotated[str, Meta(min_length=1, description="text that is not empty")]
# With a prefix such as "provider:" it fits the narrowest column that holds one, 64 characters.
IDENTIFIER_IS = "a name of a-z, 0-9, - and _, at most 40 characters"
Identifier = Annotated[
    str,
    Meta(
        pattern="^[a-z0-9][a-z0-9_-]*$",
        max_length=40,
        description=IDENTIFIER_IS,
        examples=["name-1"],
    ),
]
OptionalIdentifier = Annotated[
    str, Meta(pattern="^([a-z0-9][a-z0-9_-]*)?$", max_length=40, description=IDENTIFIER_IS, examples=["bay"])
]
Port = Annotated[int, Meta(ge=0, le=65535, description="a port number from 0 to 65535", examples=[8000])]
Channel = Annotated[int, Meta(ge=0, le=63, description="a channel of the module from 0 to 63", examples=[6])]
Antenna = Annotated[int, Meta(ge=0, le=255, description="an antenna from 1 on, or 0 for all", examples=[1])]
Minutes = Annotated[int, Meta(ge=1, description="whole minutes, at least 1", examples=[30])]
Currency = Annotated[str, Meta(pattern="^[A-Z]{3}$", description="a currency of ISO 4217", examples=["CNY"])]
Country = Annotated[str, Meta(pattern="^([A-Z]{2})?$", description="a country of ISO 3166", examples=["CN"])]
TimeZone = Annotated[str, Meta(min_length=1, description="a time zone's name", examples=["Asia/Shanghai"])]
Sigmas = Annotated[float, Meta(ge=1, le=10, description="a number from 1 to 10", examples=[3.3])]
Rate = Annotated[
    float, Meta(ge=0.0001, le=0.2, description="a share from 0.0001 to 0.2 (one per cent is 0.01)", examples=[0.01])
]
Share = Annotated[float, Meta(ge=0, le=1, description="a share from 0 to 1 (one in fifty is 0.02)", examples=[0.02])]
Factor = Annotated[float, Meta(ge=1, le=100, description="a number from 1 to 100", examples=[2.0])]
Count = Annotated[int, Meta(ge=0, le=1000, description="a number from 0 to 1000", examples=[3])]
BaudRate = Annotated[int, Meta(ge=300, le=921_600, description="a baud rate from 300 up", examples=[9600])]
Interval = Annotated[int, Meta(ge=1, le=1000, description="whole grams from 1 to 1000", examples=[5])]
CommandInterval = Annotated[int, Meta(ge=0, le=2000, description="milliseconds from 0 to 2000", examples=[200])]
Amount = Annotated[int, Meta(ge=0, description="whole minor units (fen, cents), not negative", examples=[20_000])]
Grams = Annotated[int, Meta(ge=0, description="whole grams, not negative", examples=[10])]
Bags = Annotated[int, Meta(ge=0, le=20, description="a whole number from 0 to 20", examples=[3])]
CategoryName = Annotated[
    str,
    Meta(pattern="^[a-z0-9-]{1,40}$", description="a category of the catalogue: a-z, 0-9 and -", examples=["tobacco"]),
]
CompanyPrefix = Annotated[
    str, Meta(pattern="^[0-9]{6,12}$", description="a GS1 company prefix of 6 to 12 digits", examples=["0614141"])
]
Gln = Annotated[
    str,
    Meta(pattern="^([0-9]{13})?$", description="the 13 digits of a GLN", examples=["0614141999996"]),
]
_WEB_ADDRESS = "a web address (http or https) without a slash at its end"
HttpUrl = Annotated[
    str, Meta(pattern=r"^https?://[^\s/](\S*[^\s/])?$", description=_WEB_ADDRESS, examples=["https://store.example"])
]
OptionalHttpUrl = Annotated[
    str, Meta(pattern=r"^(https?://[^\s/](\S*[^\s/])?)?$", description=_WEB_ADDRESS, examples=["https://pay.example"])
]
DatabaseUrl = Annotated[
    str,
    Meta(
        pattern=r"^(sqlite:///\S+|postgresql(\+psycopg)?://\S+)?$",
        description="the address of a SQLite file or a PostgreSQL database",
        examples=["sqlite:////var/lib/unqueue/unqueue.db", "postgresql://unqueue@localhost/unqueue"],
    ),
]
SerialPort = Annotated[
    str,
    Meta(
        pattern=r"^(/\S+|socket://\S+:\d+|COM\d+)$",
        description="a serial port",
        examples=["/dev/ttyUSB0", "socket://10.0.0.7:4001"],
    ),
]
PrinterUrl = Annotated[
    str,
    Meta(
        pattern=r"^(tcp://\S+:\d+|serial:/\S+|file:/\S+)$",
        description="the address of a printer",
        examples=["tcp://10.0.0.8:9100", "serial:/dev/ttyUSB1"],
    ),
]
