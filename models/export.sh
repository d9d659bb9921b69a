#!/usr/bin/env bash
# Makes the shipped model files from the checkpoints beside them: float first, then 8 bits guarded against it.
#   models/export.sh DATA [NAME...]     DATA holds val/cid22 and eval/ with CBSD68, Kodak24, PolyU-real-noise, Set5, Set14
# Autoencoders, which train in minutes, are made from runs/NAME and have no checkpoint here:
#   nitido train vae-digits --data DATA/digits --out runs/vae-digits
set -euo pipefail
cd "$(dirname "$0")/.."
data=${1:?expected the folder of data sets}
shift
names=("${@:-}")
[[ -n ${names[0]} ]] || names=(denoise-n denoise-s denoise-m denoise-n-research denoise-s-research denoise-m-research denoise-camera-n denoise-camera-s upscale-x2-n upscale-x2-m upscale-x3-n upscale-x4-n upscale-x4-m)
free="83 desktop photos (CC0, public domain, CC BY, CC BY-SA) and 209 CID22 references (CC BY-SA 4.0)"

# Licence and data go with the checkpoint, so that trainings that begin with it say so too.
stamp() {
    python - "$@" <<'END'
import sys
from pathlib import Path
from nitido_train import checkpoint
path, *words = sys.argv[1:]
state = checkpoint.load(Path(path))
if [state.licence, state.data] != words:
    state.licence, state.data = words
    checkpoint.save(state, Path(path))
END
}

for name in "${names[@]}"; do
    test=()
    folder=models note=$free licence=Apache-2.0
    case $name in
        *-digits)
            test=(--eval "$data/digits/t10k-images-idx3-ubyte.gz" --data-note "MNIST training set (CC BY-SA 3.0)") ;;
        vae-melody) test=(--data-note "Ryan's Mammoth Collection (1883), O'Neill's Music of Ireland (1903) and Aird's Airs (1782-1803), public domain, as music21 has them") ;;
        vae-emoji) test=(--data-note "the bitmaps of Noto Color Emoji (SIL OFL 1.1), a tenth held out") ;;
    esac
    if [[ ${#test[@]} -gt 0 ]]; then
        nitido export "runs/$name" -o "models/$name.onnx" --licence "$licence" "${test[@]}"
        continue
    fi
    case $name in
        denoise-camera-*)
            sets=(PolyU-real-noise CBSD68)
            failures="strong noise that is the same at all brightnesses and not shared between neighbours: denoise-${name##*-} is better there, and what is left in 8 bits is much more than in float" ;;
        *-research)
            folder=models/research
            note="$free, and the 400 pictures of BSDS500 outside CBSD68 (non-commercial research only)"
            licence="for non-commercial research only, as part of the training pictures" ;;&
        denoise-*)
            sets=(CBSD68 Kodak24)
            failures="noise that neighbouring pixels share, as from a dark camera (denoise-camera-n is better there); fine regular texture at strong noise is smoothed" ;;
        upscale-*)
            sets=(Set5 Set14)
            failures="pictures shrunk without a low-pass filter (OpenCV's INTER_CUBIC): no better than bicubic there; noise and JPEG blocks are enlarged with the rest" ;;
    esac
    checkpoint=$folder/checkpoints/$name.pt
    stamp "$checkpoint" "$licence" "$note"
    common=(--failures "$failures" --vectors samples)
    for set in "${sets[@]}"; do common+=(--eval "$data/eval/$set"); done
    nitido export "$checkpoint" -o "$folder/$name.onnx" "${common[@]}"
    nitido export "$checkpoint" -o "$folder/$name.int8.onnx" "${common[@]}" --int8 --against "$folder/$name.onnx" \
        --calib "$data/val/cid22"
done
