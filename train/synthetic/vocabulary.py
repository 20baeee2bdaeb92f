"""Vocabulary: the words that simulated documents are printed with. None contains a digit."""

from __future__ import annotations

import numpy as np

# What stands beside the boxes, lines and columns of forms.
_CAPTIONS = """
Name; Date; Date of birth; Total; Sum; Amount; No.; Nr.; Number; Invoice No; Signature; Address; City;
ZIP; Phone; Tel.:; Fax; E-mail; Account; Balance; Price; Qty; Quantity; Unit; Item; Description; Score;
Points; Marks; Grade; Roll No.; Class; Section; Student ID; Teacher; Subject; Page; Order; Customer;
Weight (kg); Height [cm]; Age; Sex; Time; Hour; Min; Day; Month; Year; DD; MM; YYYY; From; To; Code;
PIN; Ref.; Paid; Cash; Tax; VAT %; Net; Gross; Discount; Votes; Result; Home; Away; Player; Team; Round;
Set; Hole; Par; Frame; Lane; Judge; Bonus; Question; Answer; Office use only; Betrag; Datum; Summe;
Straße; PLZ; Ort; Stück; Preis; Konto; Menge; Geburtsdatum; Unterschrift; Seite; Klasse; Note; Montant;
Somme; Adresse; Prénom; Ville; Numéro; Quantité; Prix; Jour; Mois; Fecha; Nombre; Cantidad; Importe;
Código; Firma; Numero; Quantità; Totale; Prezzo; Cognome; Valor; Idade; Tanggal; Bulan; Tahun; Jumlah;
Nama; Alamat; Nomor; Antal; Belopp; Namn; Kwota; Nazwa; Data; Cena; Adet; Tutar; Tarih; Imza; Toplam;
Suara sah; Kelompok; Kecamatan; A; B; C; D; E; F; H; K; M; N; P; R; X; Y; I; II; III; IV; (a); (b); a);
b); No; Yes; Ja; Nein; Oui; Si; O; S; Z; Q; q; l; i
"""

# Running text in several languages, with brackets and short words: human rights, for the most part.
_PROSE = """
All human beings are born free and equal in dignity and rights. They are endowed with reason and
conscience and should act towards one another in a spirit of brotherhood. Everyone has the right to life,
liberty and security of person. I do not know if it is so, or (as Bob said) only a bill of sale! No one
shall be held in slavery; is it too cold to go out? Please complete in BLOCK LETTERS using black ink [see
note below]. The table shows a list of all goods sold, with the total in the last column. If you will,
look at the bottle on the sill | Illinois, Oslo, Lille, Bologna. Pupils solve all problems by themselves
Alle Menschen sind frei und gleich an Würde und Rechten geboren. Sie sind mit Vernunft und Gewissen begabt
und sollen einander im Geiste der Brüderlichkeit begegnen. Bitte füllen Sie alle Felder aus (siehe oben)
Tous les êtres humains naissent libres et égaux en dignité et en droits. Ils sont doués de raison et de
conscience et doivent agir les uns envers les autres dans un esprit de fraternité. Il y a là l'objet Todos
los seres humanos nacen libres e iguales en dignidad y derechos y, dotados como están de razón y
conciencia, deben comportarse fraternalmente los unos con los otros. O lo uno o lo otro: solo o con todos
Tutti gli esseri umani nascono liberi ed eguali in dignità e diritti. Essi sono dotati di ragione e di
Semua orang dilahirkan merdeka dan mempunyai martabat dan hak yang sama. Mereka dikaruniai akal dan hati
Alle mensen worden vrij en gelijk in waardigheid en rechten geboren. Zij zijn begiftigd met verstand Alla
människor är födda fria och lika i värde och rättigheter. De är utrustade med förnuft och samvete
"""

CAPTIONS = tuple(each.strip() for each in _CAPTIONS.split(";"))
_WORDS = tuple(_PROSE.split())


def caption(generator: np.random.Generator) -> str:
    """A caption, sometimes in capitals or with a colon."""
    text = CAPTIONS[int(generator.integers(len(CAPTIONS)))]
    kind = generator.random()
    if kind < 0.25:
        return text.upper()
    return text + ":" if kind < 0.5 else text


def prose(generator: np.random.Generator, count: int) -> str:
    """`count` consecutive words of running text, sometimes in capitals."""
    start = int(generator.integers(len(_WORDS)))
    text = " ".join((_WORDS * 2)[start : start + count])
    return text.upper() if generator.random() < 0.12 else text
