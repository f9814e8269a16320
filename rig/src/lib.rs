//! Runs the real `keystow.exe` under Wine.
