/** A name in its own script and in the letters of an e-mail address. */
export type Name = { readonly written: string; readonly latin: string };
export type City = { readonly name: string; readonly postcode: string; readonly region: string };
export type Culture = {
  readonly country: string;
  readonly locale: string;
  /** How often customers come from here. */
  readonly weight: number;
  readonly given: readonly Name[];
  readonly family: readonly Name[];
  readonly cities: readonly City[];
  /** With the place of the house number as `#`. */
  readonly streets: readonly string[];
};

/** `Zoë:zoe, Jürgen:juergen`; a name without a colon is spelled alike in both. */
const names = (list: string): readonly Name[] =>
  list.split(", ").map((entry) => {
    const [written = entry, latin] = entry.split(":");
    return { written, latin: latin ?? written.toLowerCase() };
  });

const cities = (list: string): readonly City[] =>
  list.split(", ").map((entry) => {
    const [name = "", postcode = "", region = ""] = entry.split(":");
    return { name, postcode, region };
  });

const germanStreets =
  "Ahornweg #, Am Alten Markt #, Bachstraße #, Gärtnerstraße #, Lindenallee #, Mühlengasse #, Rosenweg #";

export const cultures: readonly Culture[] = [
  {
    country: "DE",
    locale: "de-DE",
    weight: 46,
    given: names(
      "Julia, Lena, Anna, Marie, Sophie, Jürgen:juergen, Björn:bjoern, Jan, Felix, Paul, Käthe:kaethe, Nils, Tobias, Änne:aenne, Emre, Ayşe:ayse",
    ),
    family: names(
      "Winter, Müller:mueller, Schäfer:schaefer, Weiß:weiss, Vogel, Krüger:krueger, Lindner, Baumgärtner:baumgaertner, Hoffmann, Brandt, Köhler:koehler, Öztürk:oeztuerk, Sommerfeld, Groß:gross, Dörr:doerr, Petersen",
    ),
    cities: cities("Berlin:10:BE, Hamburg:20:HH, Köln:50:NW, München:80:BY, Leipzig:04:SN, Freiburg:79:BW, Kiel:24:SH"),
    streets: germanStreets.split(", "),
  },
  {
    country: "AT",
    locale: "de-AT",
    weight: 9,
    given: names("Zoë:zoe, Lukas, Valentina, Maximilian, Theresa, Jakob, Magdalena, Sebastian, Leonie, Xaver"),
    family: names(
      "Gruber, Höfler:hoefler, Steiner, Moosbrugger, Pichler, Wörgötter:woergoetter, Leitner, Egger, Brandstätter:brandstaetter",
    ),
    cities: cities("Wien:10:9, Graz:80:6, Linz:40:4, Salzburg:50:5"),
    streets: ["Kirchengasse #", "Am Graben #", "Rebenweg #", "Sonnenhang #"],
  },
  {
    country: "GB",
    locale: "en-GB",
    weight: 11,
    given: names("Siobhán:siobhan, Aoife, Liam, Oliver, Amelia, Priya, Harry, Niamh, Callum, Grace, Anne-Marie"),
    family: names(
      "O'Brien:obrien, Smith, D'Arcy:darcy, MacLeod, Patel, Smith-Jones, Hughes, Ó Súilleabháin:osuilleabhain, Bennett",
    ),
    cities: cities("London:N1:LND, Bristol:BS1:BST, Leeds:LS1:LDS, Cardiff:CF10:CRF, Belfast:BT1:BFS"),
    streets: ["# Elm Grove", "# Station Road", "Flat #, Mill House", "# St. Mary's Lane"],
  },
  {
    country: "FR",
    locale: "fr-FR",
    weight: 9,
    given: names(
      "Chloé:chloe, Élodie:elodie, François:francois, Noël:noel, Léa:lea, Gaëlle:gaelle, Hugo, Théo:theo, Camille",
    ),
    family: names(
      "Lefèvre:lefevre, Dubois, Garçon:garcon, Béranger:beranger, L'Hôpital:lhopital, Moreau, Nguyễn:nguyen, Fontaine",
    ),
    cities: cities("Paris:75:IDF, Lyon:69:ARA, Nantes:44:PDL, Lille:59:HDF"),
    streets: ["# rue des Lilas", "# avenue de la Gare", "# place de l'Église", "# bis, rue du Moulin"],
  },
  {
    country: "PL",
    locale: "pl-PL",
    weight: 8,
    given: names(
      "Łukasz:lukasz, Małgorzata:malgorzata, Jędrzej:jedrzej, Zofia, Stanisław:stanislaw, Agnieszka, Żaneta:zaneta, Paweł:pawel",
    ),
    family: names(
      "Wójcik:wojcik, Dąbrowska:dabrowska, Świątek:swiatek, Nowak, Gołębiewski:golebiewski, Król:krol, Żuraw:zuraw",
    ),
    cities: cities("Warszawa:00:MZ, Kraków:30:MA, Gdańsk:80:PM, Łódź:90:LD"),
    streets: ["ul. Długa #", "ul. Słoneczna #", "al. Lipowa #", "ul. Źródlana #"],
  },
  {
    country: "ES",
    locale: "es-ES",
    weight: 6,
    given: names("Íñigo:inigo, Lucía:lucia, Martín:martin, María José:mariajose, Álvaro:alvaro, Begoña:begona, Pablo"),
    family: names("García López:garcialopez, Muñoz:munoz, Ibáñez:ibanez, Núñez:nunez, Ferrer, Peña:pena, Castro"),
    cities: cities("Madrid:28:MD, Valencia:46:VC, Sevilla:41:AN"),
    streets: ["Calle del Olmo #", "Avenida de España #", "Plaza Mayor #"],
  },
  {
    country: "DE",
    locale: "ru-DE",
    weight: 4,
    given: names("Иван:ivan, Ольга:olga, Дмитрий:dmitri, Анастасия:anastasia, Тарас:taras, Світлана:svitlana"),
    family: names("Петров:petrow, Смирнова:smirnowa, Шевченко:schewtschenko, Кузнецов:kusnezow, Ковальчук:kowaltschuk"),
    cities: cities("Berlin:13:BE, Düsseldorf:40:NW, Nürnberg:90:BY"),
    streets: germanStreets.split(", "),
  },
  {
    country: "JP",
    locale: "ja-JP",
    weight: 4,
    given: names("太郎:taro, 花子:hanako, 陽菜:hina, 健一:kenichi, 美咲:misaki, 翔太:shota"),
    family: names("山田:yamada, 佐藤:sato, 鈴木:suzuki, 高橋:takahashi, 渡辺:watanabe, 小林:kobayashi"),
    cities: cities("東京:100:13, 大阪:530:27, 札幌:060:01"),
    streets: ["中央#丁目", "桜通り#番地"],
  },
  {
    country: "GR",
    locale: "el-GR",
    weight: 3,
    given: names("Ελένη:eleni, Γιώργος:giorgos, Κατερίνα:katerina, Νίκος:nikos, Δήμητρα:dimitra"),
    family: names("Παπαδοπούλου:papadopoulou, Νικολάου:nikolaou, Αγγελής:angelis, Μαυρίδη:mavridi"),
    cities: cities("Αθήνα:10:I, Θεσσαλονίκη:54:B, Πάτρα:26:G"),
    streets: ["Οδός Ερμού #", "Λεωφόρος Συγγρού #"],
  },
];

/** Companies behind account hierarchies: parents that pay for their branches. */
export const companies: readonly string[] = [
  "Nordlicht Logistik GmbH",
  "Café Zuckerwerk",
  "Brightwater Dental Ltd",
  "Atelier Ørsted",
  "Studio Lefèvre SARL",
  "Żagiel Sp. z o.o.",
  "Hofladen Gruber",
  "山田工務店",
  "Papadopoulos & Co.",
  "Kanzlei Dörr",
];
